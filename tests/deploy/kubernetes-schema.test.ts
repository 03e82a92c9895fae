import { beforeAll, describe, expect, it } from 'vitest'
import { find, type KubernetesObject } from '../../deploy/kubernetes/objects.ts'
import { overlays, render } from './support/kubernetes.ts'
import { faultsBySchema, hasSchema, unknownFields } from './support/kubernetes-schema.ts'

describe.each(overlays)('every object of %s', (overlay) => {
  let objects: KubernetesObject[]
  beforeAll(async () => {
    objects = await render(overlay)
  })

  it('is what its kind\'s schema allows', async () => {
    expect(await faultsBySchema(objects.filter(hasSchema))).toEqual([])
  })

  it('has no field that its kind does not know', () => {
    expect(unknownFields(objects.filter(hasSchema))).toEqual([])
  })

  it('is validated, but for CloudNativePG\'s three, whose schemas no package has', () => {
    const not = objects.filter(object => !hasSchema(object))
    expect(not.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort())
      .toEqual(['Cluster fleet2-db', 'Pooler fleet2-pooler-ro', 'Pooler fleet2-pooler-rw'])
  })
})

describe('the validation finds', () => {
  let deployment: KubernetesObject
  beforeAll(async () => {
    deployment = structuredClone(find(await render('production'), 'Deployment', 'fleet2-app'))
  })

  it('a value of another type', async () => {
    const wrong = { ...deployment, spec: { ...deployment.spec, replicas: 'three' } }
    expect(await faultsBySchema([wrong])).toEqual([expect.stringContaining('replicas must be integer')])
  })

  it('a field that is missing', async () => {
    const { selector: _, ...rest } = deployment.spec
    const faults = await faultsBySchema([{ ...deployment, spec: rest }])
    expect(faults).toEqual([expect.stringContaining('selector')])
  })

  it('a field that is written wrongly, however deep', () => {
    const wrong = structuredClone(deployment)
    wrong.spec.template.spec.containers[0].securityContext.readOnlyRootFileSystem = true
    expect(unknownFields([wrong])).toEqual([expect.stringContaining('readOnlyRootFileSystem')])
  })
})
