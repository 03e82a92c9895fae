import { describe, expect, it } from 'vitest'
import { faultsOfAnswer } from '../support/api-answers.ts'

const status = {
  mode: 'normal', reason: null, live: true, sensitive: true, instance: 'app1', version: '1',
  demo: false, mapTilesUrl: null, mapAttribution: null,
}
const problem = (type: string) => ({
  type: `urn:fleet2:problem:${type}`, title: 'A title', status: 409, detail: 'A detail', instance: 'one-1',
})
const vehicle = '/api/v1/vehicles/0193e3a4-5b6c-7d8e-9f00-112233445566'

describe('an answer is held to the API\'s document', () => {
  it.each<[string, Parameters<typeof faultsOfAnswer>]>([
    ['what the document says', ['GET', '/api/v1/status', 200, status]],
    ['whatever is asked for', ['GET', '/api/v1/status?x=1', 200, status]],
    ['a problem that it names', ['PATCH', vehicle, 409, problem('outdated-version')]],
    ['nothing, where nothing is said', ['DELETE', vehicle, 204, '']],
    ['an address that it does not have', ['GET', '/api/health', 200, { anything: true }]],
    ['a method that it does not have', ['PUT', vehicle, 405, problem('method-not-allowed')]],
  ])('takes %s', (_, answer) => expect(faultsOfAnswer(...answer)).toEqual([]))

  it.each<[string, Parameters<typeof faultsOfAnswer>, RegExp]>([
    ['a field too few', ['GET', '/api/v1/status', 200, { ...status, demo: undefined }], /demo/],
    ['a field too many', ['GET', '/api/v1/status', 200, { ...status, secret: 1 }], /secret/],
    ['a field of another form', ['GET', '/api/v1/status', 200, { ...status, mode: 'odd' }], /mode/],
    ['a field too many within a list', ['GET', '/api/v1/organisations', 200, {
      items: [{
        id: '0193e3a4-5b6c-7d8e-9f00-112233445566', name: 'A', timeZone: 'UTC', role: 'owner', secret: 1,
      }],
      nextCursor: null, total: 1,
    }], /items\/0 .*secret/],
    ['a status of another method', ['DELETE', '/api/v1/sessions', 200, status], /no such status/],
    ['a problem that it does not name', ['GET', vehicle, 409, problem('outdated-version')], /type/],
    ['a status that it does not know', ['GET', vehicle, 418, problem('teapot')], /no such status/],
    ['a body where nothing is to be said', ['DELETE', vehicle, 204, status], /no body/],
  ])('refuses %s', (_, answer, fault) =>
    expect(faultsOfAnswer(...answer)).toContainEqual(expect.stringMatching(fault)))
})
