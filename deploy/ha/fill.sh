#!/bin/sh
# fill.sh TEMPLATE [FILE]: writes TEMPLATE with its placeholders filled in to FILE (mode 0600), or to standard output.
#
#   ${NAME}           the variable NAME, or the contents of the file that NAME_FILE names (a secret); neither: an error, and nothing is written
#   ${NAME:-default}  the same, with a default (which may be empty)
#
# Servers whose configuration files know no variables (PgBouncer, Redis, Sentinel, Patroni's YAML, parts of Nginx's) are started through it, in
# the containers and in the lab alike. envsubst is not in all images, knows no files and no defaults, and leaves a missing secret empty in silence.
set -eu

template=${1:?usage: fill.sh TEMPLATE [FILE]}
target=${2:-}

# awk gets the values by the environment: -v would interpret backslashes in a password.
filled=$(awk '
  function fail(message) { print "fill.sh: " FILENAME ": " message > "/dev/stderr"; failed = 1; exit 1 }
  function contents(path,   line, all, first) {
    first = 1
    while ((getline line < path) > 0) { all = first ? line : all "\n" line; first = 0 }
    if (close(path) != 0 || first) fail("the file " path " cannot be read or is empty")
    return all
  }
  function value(expression,   at, name, fallback, hasFallback) {
    at = index(expression, ":-")
    hasFallback = at > 0
    name = hasFallback ? substr(expression, 1, at - 1) : expression
    fallback = hasFallback ? substr(expression, at + 2) : ""
    if ((name "_FILE") in ENVIRON && ENVIRON[name "_FILE"] != "") return contents(ENVIRON[name "_FILE"])
    if (name in ENVIRON && ENVIRON[name] != "") return ENVIRON[name]
    if (hasFallback) return fallback
    fail("neither " name " nor " name "_FILE is set")
  }
  {
    rest = $0; out = ""
    # Only upper case: nginx and shell variables pass through untouched.
    while (match(rest, /\$\{[A-Z][A-Z0-9_]*(:-[^}]*)?\}/)) {
      out = out substr(rest, 1, RSTART - 1) value(substr(rest, RSTART + 2, RLENGTH - 3))
      rest = substr(rest, RSTART + RLENGTH)
    }
    print out rest
  }
  END { if (failed) exit 1 }
' "$template")

if [ -z "$target" ]; then
  printf '%s\n' "$filled"
else
  umask 077
  printf '%s\n' "$filled" >"$target.new"
  mv "$target.new" "$target"
fi
