import { join } from 'node:path'
import { chromium } from '@playwright/test'
import { createPerson } from '../person.ts'
import { connectLab } from '../lab.ts'
import { projectRoot } from '../place.ts'
import { makeRoute } from '../../server/fleet/demo/routes.ts'

/**
 * `node lab/measure/screenshot.ts`: the live map of the running lab as a browser sees it, through Nginx over
 * TLS, while the demo vehicles' devices send. Ends with an error when the page has no live stream or says
 * that its connection is lost.
 */
const lab = await connectLab()
const [email] = lab.credentials.demo.emails
const path = join(projectRoot, 'docs/images/lab-live-map.png')
const devices = createPerson(lab, { nginx: 1 })
const drivers = Array.from({ length: 12 }, (_, number) => ({
  identifier: `demo-${number + 1}`,
  route: makeRoute(number),
}))
const driving = setInterval(() => {
  const now = Date.now()
  for (const { identifier, route } of drivers) {
    const { latitude, longitude, speedKmh, courseDegrees } = route.at(now / 1000)
    void devices
      .send(
        'GET',
        `/api/ingest?${new URLSearchParams({ id: identifier, lat: String(latitude), lon: String(longitude), timestamp: String(now), speed: String(speedKmh / 1.852), bearing: String(courseDegrees) })}`,
      )
      .catch(() => {})
  }
}, 1_000)

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium-headless-shell',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
try {
  // Self-signed, as a person would click it away.
  const page = await browser.newPage({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(120_000)
  const streams: string[] = []
  page.on('request', request => request.url().includes('/api/events') && streams.push(request.url()))
  await page.goto(`${lab.addresses.https[0]}/sign-in`)
  await page.waitForFunction(
    () =>
      (window as unknown as { useNuxtApp?: () => { isHydrating: boolean } }).useNuxtApp?.()?.isHydrating
      === false,
  )
  await page.getByLabel('E-mail address').fill(email!)
  await page.getByLabel('Password').fill(lab.credentials.demo.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(url => url.pathname !== '/sign-in')
  await page.locator('[data-testid=map][data-ready=true]').waitFor()
  // Some live events later.
  await page.waitForTimeout(8_000)
  await page.screenshot({ path })
  if (await page.getByText('Connection lost').isVisible())
    throw new Error('The page says that its connection is lost')
  if (streams.length === 0) throw new Error('The page has opened no live stream')
  console.log(`${path}, from ${page.url()}; live stream ${streams[0]}`)
}
finally {
  clearInterval(driving)
  await browser.close()
  devices.close()
}
process.exit()
