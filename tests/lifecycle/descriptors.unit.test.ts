import { expect, it } from 'vitest'
import { lookAtDescriptors } from '#server/health/memory.ts'

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code })
}

it('no descriptor is left when the kernel says so, of this process or of the whole machine', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    expect(lookAtDescriptors(failing(code))).toMatchObject({
      status: 'unhealthy',
      reason: expect.stringContaining(code),
    })
  }
})

it('a file that cannot be opened for another reason is no lack of descriptors', () => {
  for (const code of ['EACCES', 'ENOENT', 'ENXIO'])
    expect(lookAtDescriptors(failing(code)).status).toBe('healthy')
  expect(lookAtDescriptors().status).toBe('healthy')
})
