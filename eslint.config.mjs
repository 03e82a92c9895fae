import { posix } from 'node:path'
import withNuxt from './.nuxt/eslint.config.mjs'
import { exemptEndpoints } from './tools/api/exempt.ts'

/**
 * Who may import whom (CONTRIBUTING.md has the picture): each room may reach only what stands below it. Never
 * upward, never in a circle. `lifecycle` puts everything together; what stands above it asks it for the
 * services.
 */
const floors = [
  ['api', 'routes', 'middleware', 'plugins'],
  ['edge', 'gateway'],
  ['lifecycle'],
  ['identity', 'fleet', 'audit', 'cluster', 'health', 'undo'],
  ['live', 'jobs', 'mail'],
  ['database', 'redis', 'storage'],
  ['telemetry', 'config'],
]

/**
 * By the alias, or by a path that climbs out of one's own room. (A regex: the rule's globs take `#` for a
 * comment.)
 */
const roomPattern = room => `^(#server|(\\.\\./)+(server/)?)/?${room}/`

const rooms = floors.flatMap((floor, level) =>
  floor.map(room => ({
    files: [`server/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...floors
              .slice(0, level)
              .flat()
              .map(upper => ({
                regex: roomPattern(upper),
                message: `server/${room} stands below server/${upper} and must not know it.`,
              })),
            ...(level === 5
              ? floor
                  .filter(other => other !== room)
                  .map(other => ({
                    regex: roomPattern(other),
                    message: `server/${room} and server/${other} are neighbours that do not know each other.`,
                  }))
              : []),
            // Domain code knows no HTTP: no event, no status codes.
            ...(level >= 3
              ? [
                  {
                    regex: '^(h3|nitropack(/.*)?|#imports)$',
                    message: `server/${room} knows no HTTP; that is the edge's business.`,
                  },
                ]
              : []),
            { regex: '^(~/|@/|#app)', message: 'The server imports nothing of the browser side.' },
          ],
        },
      ],
    },
  })),
)

// A repeating timer keeps the request's context in which it was set; `server/telemetry/timers.ts` has one
// that does not.
const timers = {
  files: ['server/**/*.ts'],
  ignores: ['server/telemetry/timers.ts', 'server/telemetry/active-timeout.ts'],
  rules: {
    'no-restricted-globals': [
      'error',
      {
        name: 'setInterval',
        message:
          'It goes on in the context of the request that set it. Use every() of server/telemetry/timers.ts.',
      },
    ],
  },
}

const notTheServer = {
  regex: '^(#server|~/server|@/server|(\\.\\./)+server|\\./server)/',
  message: 'The browser side imports from shared/ and from nothing in server/.',
}

/**
 * Input is read by the schemas of shared/, and those are made of the shared builders: each bounds what it
 * takes, and refuses what the database would.
 */
const zodPrimitive = '(string|number|coerce|int|bigint|date|any|unknown|url|iso)'
const bareSchema = {
  selector: `:matches(MemberExpression[object.name="z"][property.name=/^${zodPrimitive}$/])`,
  message:
    'Use the builders of shared/schemas/text.ts, numbers.ts and common.ts (text(), line(), textLike(), '
    + 'wholeNumber(), Instant, Id), for answers those of answers.ts.',
}
const rawInput = {
  selector:
    'CallExpression[callee.name=/^(getQuery|getRouterParams?|readBody|readRawBody|readFormData|getRequestURL|getValidatedQuery|readValidatedBody)$/]',
  message: 'Read input by the `input` of defineEndpoint(), with schemas of shared/.',
}

/**
 * An endpoint is made by `defineEndpoint`, the five of a plain resource by `defineResource`: their document,
 * client and tests come from that description.
 */
const onlyDefinedEndpoints = {
  create(context) {
    const [, file] = /\/server\/((?:api|routes)\/.*)$/.exec(context.filename.replaceAll('\\', '/')) ?? []
    if (!file || file in exemptEndpoints) return {}
    return {
      Program(program) {
        const from = file.endsWith('/resource.ts') ? 'resource' : 'endpoint'
        const maker = from === 'resource' ? 'defineResource' : 'defineEndpoint'
        const made = program.body.find(({ type }) => type === 'ExportDefaultDeclaration')?.declaration
        const isImported = program.body.some(({ type, source, specifiers }) => type === 'ImportDeclaration'
          && source.value === `#server/edge/${from}.ts`
          && specifiers.some(({ local }) => local.name === maker))
        if (isImported && made?.type === 'CallExpression' && made.callee.name === maker) return
        context.report({
          node: made ?? program,
          message:
            `Make it by ${maker}() of #server/edge/${from}.ts, or name it in tools/api/exempt.ts with the `
            + 'reason.',
        })
      },
    }
  },
}

/** The rooms of domain code, and the files by which one of them may reach another. */
const offers = {
  identity: ['authority.ts', 'member.ts', 'stranded-invitations.ts'],
  audit: ['record.ts', 'account-log.ts', 'list.ts'],
  cluster: ['prometheus.ts'],
  health: [],
  undo: [],
}

/** The feature that a file of the server belongs to, and its name in there; null: it is of none. */
function featureOf(path) {
  const [, feature, file] = /^server\/(fleet\/[^/]+|identity|audit|cluster|health|undo)\/(.+)$/.exec(path) ?? []
  return feature ? { feature, file } : null
}

/**
 * A feature is reached by what it offers and not by its inner files: one of `server/fleet` by the file of its
 * own name (`vehicles/vehicles.ts`), the others by the files of `offers`.
 */
const onlyWhatIsOffered = {
  create(context) {
    const [, path] = /\/(server\/.*)$/.exec(context.filename.replaceAll('\\', '/')) ?? []
    const own = path && featureOf(path)
    if (!own) return {}
    const check = ({ source }) => {
      if (typeof source?.value !== 'string') return
      const target = source.value.startsWith('#server/')
        ? source.value.slice(1)
        : source.value.startsWith('.') ? posix.join(posix.dirname(path), source.value) : ''
      const other = featureOf(target)
      if (!other || other.feature === own.feature) return
      const offered = offers[other.feature] ?? [`${posix.basename(other.feature)}.ts`]
      if (offered.includes(other.file)) return
      context.report({
        node: source,
        message: `server/${other.feature} is reached by ${offered.join(', ') || 'nobody of its floor'}, `
          + 'not by its inner files.',
      })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    }
  },
}

/** A text may be longer where it is one: it is found by searching for it. */
const lineLength = {
  files: ['**/*.ts', '**/*.mjs'],
  ignores: ['**/*.d.ts'],
  rules: {
    '@stylistic/max-len': ['error', {
      code: 110,
      ignoreStrings: true,
      ignoreTemplateLiterals: true,
      ignoreRegExpLiterals: true,
      ignoreUrls: true,
    }],
  },
}

/** The same in a template, whose values and texts are found by searching, too. */
const lineLengthInVue = {
  files: ['**/*.vue'],
  rules: {
    'vue/max-len': ['error', {
      code: 110,
      template: 110,
      ignoreStrings: true,
      ignoreTemplateLiterals: true,
      ignoreRegExpLiterals: true,
      ignoreUrls: true,
      ignoreHTMLAttributeValues: true,
    }],
  },
}

export default withNuxt(
  // Made by openapi-typescript, in its own style.
  { ignores: ['shared/api/types.ts'] },
  {
    files: ['server/api/**/*.ts', 'server/routes/**/*.ts'],
    plugins: { fleet2: { rules: { 'only-defined-endpoints': onlyDefinedEndpoints } } },
    rules: { 'fleet2/only-defined-endpoints': 'error' },
  },
  {
    files: ['server/**/*.ts'],
    plugins: { features: { rules: { 'only-what-is-offered': onlyWhatIsOffered } } },
    rules: { 'features/only-what-is-offered': 'error' },
  },
  lineLength,
  lineLengthInVue,
  ...rooms,
  {
    files: ['shared/**'],
    ignores: ['shared/schemas/{text,numbers,common,answers}.ts'],
    rules: { 'no-restricted-syntax': ['error', bareSchema] },
  },
  {
    files: ['server/api/v1/**', 'server/middleware/**'],
    rules: { 'no-restricted-syntax': ['error', bareSchema, rawInput] },
  },
  timers,
  {
    files: [
      'pages/**',
      'components/**',
      'composables/**',
      'layouts/**',
      'middleware/**',
      'plugins/**',
      '*.vue',
    ],
    rules: { 'no-restricted-imports': ['error', { patterns: [notTheServer] }] },
  },
  {
    files: ['shared/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [notTheServer, { regex: '^(vue|h3|#app|~/)', message: 'shared/ is for both sides.' }] },
      ],
    },
  },
)
