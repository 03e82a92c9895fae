/**
 * The endpoints of a plain resource, each with its method and what follows `/api/v1/<kind>`. The build and
 * the tests go by this list.
 */
export const resourceEndpoints = {
  list: { method: 'GET', below: '' },
  create: { method: 'POST', below: '' },
  get: { method: 'GET', below: '/:id' },
  update: { method: 'PATCH', below: '/:id' },
  remove: { method: 'DELETE', below: '/:id' },
} as const
