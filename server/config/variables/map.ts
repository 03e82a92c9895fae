import { z } from 'zod'
import { variable } from '../variable.ts'

const isTilesUrl = (text: string) => /^https?:\/\/[^\s;,'"]+$/.test(text)
  && ['{z}', '{x}', '{y}'].every(part => text.includes(part))

export const mapVariables = {
  mapTilesUrl: variable({
    name: 'NUXT_MAP_TILES_URL',
    group: 'Map',
    description: 'URL template of a raster tile server; {z}, {x} and {y} are replaced. If unset, the map '
      + 'uses the vector base map that ships with the application and needs no internet access.',
    default: 'none',
    example: 'https://tiles.example.org/{z}/{x}/{y}.png',
    schema: z.string()
      .refine(isTilesUrl, 'must be an http:// or https:// address with {z}, {x} and {y}')
      .optional(),
  }),
  mapAttribution: variable({
    name: 'NUXT_MAP_ATTRIBUTION',
    group: 'Map',
    description: 'Attribution shown on the map for those tiles.',
    default: 'none',
    example: '© OpenStreetMap contributors',
    schema: z.string().max(200, 'must be at most 200 characters').optional(),
  }),
}
