export default defineAppConfig({
  ui: {
    colors: { primary: 'teal', neutral: 'slate' },
    // Four columns have room on a phone that way.
    table: { slots: { th: 'px-2 sm:px-4', td: 'px-2 sm:px-4' } },
  },
})
