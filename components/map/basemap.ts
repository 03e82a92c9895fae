import type { Feature, FeatureCollection, MultiLineString, MultiPolygon, Polygon, Position } from 'geojson'
import type { StyleSpecification } from 'maplibre-gl'
import type { GeometryCollection, Topology } from 'topojson-specification'
import { feature, mesh } from 'topojson-client'

/** Colours of the basemap, chosen so that vehicles stand out. */
const palettes = {
  light: { water: '#dbe7ee', land: '#f7f7f4', border: '#b9c2c9', grid: '#e3e7e6' },
  dark: { water: '#0b1720', land: '#16222d', border: '#3a4b5a', grid: '#1d2c38' },
}

/**
 * The countries of the world as one layer of land and one of borders, from the data that is shipped with the
 * application.
 */
export async function loadWorld(): Promise<{ land: FeatureCollection, borders: Feature<MultiLineString> }> {
  const { default: atlas } = await import('world-atlas/countries-50m.json')
  const topology = atlas as unknown as Topology<{ countries: GeometryCollection, land: GeometryCollection }>
  const land = feature(topology, topology.objects.land) as FeatureCollection<Polygon | MultiPolygon>
  for (const { geometry } of land.features) {
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
    for (const ring of polygons.flat()) unwrap(ring)
  }
  return {
    land,
    borders: {
      type: 'Feature',
      properties: {},
      geometry: mesh(topology, topology.objects.countries, (a, b) => a !== b),
    },
  }
}

/**
 * A ring that crosses the date line jumps by 360 degrees and would draw a stripe across the world (Russia,
 * Antarctica).
 */
function unwrap(ring: Position[]) {
  for (let index = 1; index < ring.length; index++) {
    const step = ring[index]![0]! - ring[index - 1]![0]!
    if (step > 180) ring[index]![0]! -= 360
    else if (step < -180) ring[index]![0]! += 360
  }
}

/**
 * Lines every tenth of a degree near the middle of Europe would be a net; every half degree gives a sense of
 * movement and scale.
 */
function graticule(): Feature<MultiLineString> {
  const coordinates: Position[][] = []
  for (let longitude = -180; longitude <= 180; longitude += 0.5)
    coordinates.push([
      [longitude, -85],
      [longitude, 85],
    ])
  for (let latitude = -85; latitude <= 85; latitude += 0.5)
    coordinates.push([
      [-180, latitude],
      [180, latitude],
    ])
  return { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates } }
}

/** The style of the map: our own basemap, or a tile server's tiles. */
export async function mapStyle({
  dark,
  tilesUrl,
  attribution,
}: {
  dark: boolean
  tilesUrl: string | null
  attribution: string | null
}): Promise<StyleSpecification> {
  const colours = palettes[dark ? 'dark' : 'light']
  if (tilesUrl) {
    return {
      version: 8,
      sources: {
        tiles: { type: 'raster', tiles: [tilesUrl], tileSize: 256, attribution: attribution ?? undefined },
      },
      layers: [
        { id: 'water', type: 'background', paint: { 'background-color': colours.water } },
        { id: 'tiles', type: 'raster', source: 'tiles' },
      ],
    }
  }
  const { land, borders } = await loadWorld()
  return {
    version: 8,
    sources: {
      land: { type: 'geojson', data: land, attribution: 'Natural Earth' },
      borders: { type: 'geojson', data: borders },
      grid: { type: 'geojson', data: graticule() },
    },
    layers: [
      { id: 'water', type: 'background', paint: { 'background-color': colours.water } },
      { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colours.land } },
      {
        id: 'grid',
        type: 'line',
        source: 'grid',
        minzoom: 6,
        paint: { 'line-color': colours.grid, 'line-width': 1 },
      },
      {
        id: 'borders',
        type: 'line',
        source: 'borders',
        paint: { 'line-color': colours.border, 'line-width': 1 },
      },
    ],
  }
}
