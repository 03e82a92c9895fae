import { acceptDeviceRequest } from '#server/edge/device-request.ts'

export default defineEventHandler(acceptDeviceRequest)
