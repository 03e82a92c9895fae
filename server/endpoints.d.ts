/** Made by the build (`nuxt.config.ts`) from the files of `server/api` and `server/routes`. */
declare module '#endpoints' {
  export const endpoints: { route: string, method?: string }[]
}
