#!/bin/bash
# backup-list.sh: what can be restored to. Exit codes: 0; 6 the repository cannot be read; 7 the key is wrong;
# 10 there is no backup.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=backup-common.sh
. "$(dirname "$0")/backup-common.sh"
read_repository
jq -r '
  def time: strftime("%Y-%m-%d %H:%M:%S+00");
  "Backup                 Kind      Restorable from (UTC)     Size MB  State",
  (.backup[] | [
    .label + (" " * ([23 - (.label | length), 1] | max)),
    ((.annotation.tier // "-") + "          ")[0:10],
    (.timestamp.stop | time) + "    ",
    (.info.size / 1048576 | floor | tostring | " " * ([7 - length, 0] | max) + .) + "  ",
    if .error then "page checksums failed" else "ok" end
  ] | join(""))' <<<"$repository"
echo
jq -r '
  def time: strftime("%Y-%m-%d %H:%M:%S+00");
  "Any moment after \(.backup[0].timestamp.stop | time) for which the archive still has WAL:",
  (.archive[] | "  timeline and segments \(.min) to \(.max)")' <<<"$repository"
