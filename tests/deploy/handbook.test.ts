import { describe, expect, it } from 'vitest'
import { markOf, shellBlocks, type Block } from '../../tools/docs/handbook/blocks.ts'
import { missingNames } from '../../tools/docs/handbook/names.ts'
import { readRepository } from '../../tools/docs/handbook/repository.ts'
import { firstMissing, runBlock, syntaxFaults } from '../../tools/docs/handbook/run.ts'
import { faultsOfBlock, faultsOfPage, readPages } from '../../tools/docs/handbook/verify.ts'

/** The fast part of `npm run docs:verify`: all but what needs a Docker engine or the lab. */
const repository = readRepository()
const pages = readPages()
const blocks = pages.flatMap(({ page, text }) => shellBlocks(page, text))
const here = blocks.filter(({ mark }) => mark?.how === 'executed')

describe('the handbook', () => {
  it.each(pages.map(({ page, text }) => [page, text] as const))(
    '%s names only what there is',
    (page, text) => {
      expect(faultsOfPage(page, text, repository)).toEqual([])
    },
  )

  it('has a page for each runbook of the specification', () => {
    const names = pages.map(({ page }) => page)
    for (const page of [
      'high-availability-architecture',
      'disaster-recovery-runbook',
      'backup-configuration',
      'monitoring-setup',
      'admin-guide',
      'infrastructure',
      'runbooks/database-failover',
      'runbooks/instance-failure',
      'runbooks/redis-failover',
      'runbooks/planned-switchover',
      'runbooks/emergency-failover',
      'runbooks/postgresql-node',
      'runbooks/split-brain',
    ])
      expect(names).toContain(`docs/${page}.md`)
  })

  it.each(
    pages
      .filter(({ page }) => page.startsWith('docs/runbooks/'))
      .map(({ page, text }) => [page, text] as const),
  )('%s can be followed by somebody who has never seen the system', (page, text) => {
    const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title!)
    const order = page.endsWith('planned-switchover.md')
      ? ['Before', 'Do it', 'Verify', 'Afterwards']
      : ['Is it real?', 'Verify', 'Afterwards']
    expect(titles.filter(title => order.includes(title))).toEqual(order)
    expect(text).toMatch(/\*\*Impact|\*\*Not for an emergency/)
    // No command without what it should show.
    expect([...text.matchAll(/Expected|what you see|it says/g)].length).toBeGreaterThan(1)
  })

  it('leads from page to page, and every link has a place to lead to', () => {
    const anchors = new Map(
      pages.map(({ page, text }) => [
        page,
        new Set(
          [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
            title!
              .toLowerCase()
              .replace(/[^\p{L}\p{N} _-]/gu, '')
              .replaceAll(' ', '-'),
          ),
        ),
      ]),
    )
    const broken = pages
      .filter(({ page }) => page.startsWith('docs/'))
      .flatMap(({ page, text }) =>
        [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)/g)].flatMap(([link, path, anchor]) => {
          const target = path ? new URL(path, `file:///${page}`).pathname.slice(1) : page
          if (!repository.exists(target)) return [`${page}: ${link}`]
          return anchor && anchors.has(target) && !anchors.get(target)!.has(anchor)
            ? [`${page}: ${link}`]
            : []
        }),
      )
    expect(broken).toEqual([])
  })

  it('has blocks that are run here', () => {
    expect(here.length).toBeGreaterThan(5)
  })

  it.each(here.map(block => [`${block.page}:${block.line}`, block] as const))(
    '%s does what it says',
    (_, block) => {
      expect(runBlock(block)).toBeNull()
    },
  )
})

const block = (text: string, info = 'manual: for the test', expected: string | null = null): Block => ({
  page: 'page.md',
  line: 1,
  text,
  mark: markOf(info),
  expected,
})

describe('a block', () => {
  it.each([
    ['executed', { how: 'executed', exit: 0 }],
    ['executed exit=2', { how: 'executed', exit: 2 }],
    ['executed by compose:check', { how: 'compose:check' }],
    ['waits for the lab', { how: 'lab' }],
    ['manual: destroys a copy', { how: 'manual', reason: 'destroys a copy' }],
    ['', null],
    ['manual', null],
    ['manual: ', null],
    ['executed perhaps', null],
  ])('marked "%s" is understood so, or not at all', (info, mark) => expect(markOf(info)).toEqual(mark))

  it('stands in a list, has an output beside it, and may be of another shell', () => {
    const text = [
      '1. Look:',
      '',
      '   ```bash executed',
      '   echo a',
      '     b',
      '   ```',
      '',
      '   ```text expected',
      '   a',
      '   ```',
      '```sh',
      'ls',
      '```',
      '```yaml',
      'a: 1',
      '```',
    ].join('\n')
    expect(shellBlocks('p.md', text)).toEqual([
      { page: 'p.md', line: 3, text: 'echo a\n  b', mark: { how: 'executed', exit: 0 }, expected: 'a' },
      { page: 'p.md', line: 11, text: 'ls', mark: null, expected: null },
    ])
  })

  it('that says nothing of itself is found out', () => {
    expect(faultsOfBlock({ ...block('ls'), mark: null }, repository)).toEqual([
      expect.stringContaining('why not'),
    ])
  })

  it.each([
    ['if true; then echo', /syntax error/],
    ['rm -rf "$folder"/*; [ $a == b', /SC\d+|syntax/],
  ])('that is no shell is found out: %s', (text, words) => {
    expect(syntaxFaults(text).join('\n')).toMatch(words)
  })

  it.each([
    ['npm run ha:explode', 'npm run ha:explode: there is no such script'],
    ['npm run ha -- explode patroni1', 'npm run ha -- explode: the lab has no such verb'],
    ['./scripts/none.sh', 'scripts/none.sh: there is no such file'],
    ['deploy/scripts/activate.sh --yes', 'deploy/scripts/activate.sh: there is no such file'],
    ['docker compose restart patroni4', 'patroni4: no compose file has such a service'],
    ['docker compose logs --tail 5 app1 app9', 'app9: no compose file has such a service'],
    [
      'docker compose -f docker-compose.yml \\\n  exec appp1 ls patroni1',
      'appp1: no compose file has such a service',
    ],
    ['docker compose up -d --scale app=2 none', 'none: no compose file has such a service'],
    ['cat /run/secrets/no_password', 'no_password: no compose file has such a secret'],
    ['docker volume rm fleet2_patroni9_data', 'patroni9_data: no compose file has such a volume'],
    ['terraform apply -target=module.cache', 'cache: Terraform has no such module'],
    ['terraform output -raw password', 'password: Terraform has no such output'],
    [
      'terraform apply -var-file=environments/none.tfvars',
      'infrastructure/terraform/environments/none.tfvars: there is no such file',
    ],
    ['make recovery', 'make recovery: there is no Makefile'],
    ['curl http://localhost:3000/api/heath', 'http://localhost:3000/api/heath: nobody answers this path'],
    ['curl http://localhost:8008/clusters', 'http://localhost:8008/clusters: nobody answers this path'],
  ])('that names what there is not is found out: %s', (text, words) => {
    expect(missingNames(text, repository)).toEqual([words])
  })

  it.each([
    'npm run ha -- heal patroni1 && npm run ha:status',
    './scripts/smoke-test.sh production',
    'docker compose -f docker-compose.yml -f deploy/ha/docker-compose.ha.yml up -d',
    'docker compose up -d --no-deps --scale app=1 app',
    'docker compose exec "$node" psql -U fleet',
    'curl -s http://localhost:8008/cluster | jq .',
    'curl -v https://app.fleet2.com/api/health',
    'curl http://localhost:3000/api/v1/vehicles/7',
    'curl -sf http://localhost:8404/stats',
    'terraform apply -target=module.networking',
  ])('that names what there is, is not: %s', text => expect(missingNames(text, repository)).toEqual([]))

  it('that claims to be run by compose:check stands in the table of its commands', () => {
    const claims = (text: string) => faultsOfBlock(block(text, 'executed by compose:check'), repository)
    expect(claims('docker compose restart app1')).toEqual([])
    expect(claims('docker compose restart app2')).toEqual([expect.stringContaining('does not run this')])
  })
})

describe('an output', () => {
  it.each<[string, string, string | null]>([
    ['a\nc', 'a\nb\nc\n', null],
    ['c\na', 'a\nb\nc', 'a'],
    ['recovered to …, timeline 2', '  recovered to 0/3000148, timeline 2', null],
    ['…\nb', 'a\nb', null],
    ['a (b)', 'a b', 'a (b)'],
  ])('%j is looked for in %j', (expected, output, missing) =>
    expect(firstMissing(expected, output)).toBe(missing),
  )
})

describe('running a block', () => {
  it('is well when it ends and prints as shown', () => {
    expect(runBlock(block('echo well; exit 3', 'executed exit=3', 'well'))).toBeNull()
  })

  it('says what was otherwise', () => {
    expect(runBlock(block('echo ill >&2; false', 'executed'))).toBe('ended with 1, not 0:\nill\n')
    expect(runBlock(block('echo other', 'executed', 'well'))).toBe('did not print "well", but:\nother\n')
  })

  it('knows nothing of who runs it, and has a folder of its own', () => {
    process.env.FLEET2_OF_SOMEBODY = 'else'
    expect(runBlock(block('[ -z "${FLEET2_OF_SOMEBODY:-}" ] && touch "$TMPDIR/x"', 'executed'))).toBeNull()
    delete process.env.FLEET2_OF_SOMEBODY
  })
})
