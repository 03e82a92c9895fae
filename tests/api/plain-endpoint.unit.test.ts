import { describe, expect, it } from 'vitest'
import { isPlainEndpoint } from '#server/edge/serve.ts'
import { isPersons } from '#server/edge/route.ts'

describe('who meets what is there for pages', () => {
  it.each([
    '/api/health/live', '/api/v1/vehicles', '/api/v1/vehicles?search=a%20b', '/api/events?organisation=x',
    '/api/ingest?id=1&lat=52', '/metrics', '/status.json', '/api/nothing-there',
  ])('%s does not', path => expect(isPlainEndpoint(path)).toBe(true))

  it.each([
    '/', '/vehicles', '/apis', '/_nuxt/entry.js', '/__nuxt_error', '//api/v1/vehicles',
    // To be decoded first, as Nitro does.
    '/api/v1/vehicles/%61', 'http://host/api/health',
  ])('%s does', path => expect(isPlainEndpoint(path)).toBe(false))

  it('probes and devices bring no cookies; people, and programs for people, do', () => {
    for (const path of ['/api/health', '/api/health/ready', '/api/ingest?id=1', '/metrics', '/_nuxt/a.js'])
      expect(isPersons(path), path).toBe(false)
    for (const path of ['/', '/vehicles', '/api/v1/vehicles', '/api/events', '/status.json'])
      expect(isPersons(path), path).toBe(true)
  })
})
