/** Without it an unknown address under /api would be rendered as a page. */
export default defineEventHandler(() => {
  throw createError({ statusCode: 404 })
})
