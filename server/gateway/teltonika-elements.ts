/*
 * Teltonika's IO elements ("AVL ID" in its wiki, the same over the FMB, FMC and FMM series) that have a name
 * here. One without a name becomes `io<number>`.
 */

interface Element {
  name: string
  /** The value in our unit. Default: as it stands. */
  read?: (value: number) => number | boolean | null
  /** It is two's complement. */
  signed?: true
}

const thousandth = (value: number) => value / 1_000
const tenth = (value: number) => value / 10
const flag = (value: number) => value !== 0

/** Above 850 tenths of a degree they are codes: not ready, no sensor, a broken one. */
const temperature = (value: number) => value > 1_250 ? null : value / 10

export const elements: Record<number, Element> = {
  1: { name: 'input1', read: flag },
  2: { name: 'input2', read: flag },
  3: { name: 'input3', read: flag },
  4: { name: 'input4', read: flag },
  9: { name: 'analog1Volts', read: thousandth },
  10: { name: 'analog2Volts', read: thousandth },
  12: { name: 'fuelUsedLitres', read: thousandth },
  15: { name: 'ecoScore' },
  16: { name: 'odometerMetres' },
  17: { name: 'axisX', signed: true },
  18: { name: 'axisY', signed: true },
  19: { name: 'axisZ', signed: true },
  21: { name: 'gsmSignal' },
  24: { name: 'speedKmh' },
  32: { name: 'coolantCelsius', signed: true },
  36: { name: 'rpm' },
  37: { name: 'obdSpeedKmh' },
  48: { name: 'fuelPercent' },
  66: { name: 'powerVolts', read: thousandth },
  67: { name: 'batteryVolts', read: thousandth },
  68: { name: 'batteryAmperes', read: thousandth, signed: true },
  69: { name: 'gnssStatus' },
  72: { name: 'temperature1', read: temperature, signed: true },
  73: { name: 'temperature2', read: temperature, signed: true },
  74: { name: 'temperature3', read: temperature, signed: true },
  75: { name: 'temperature4', read: temperature, signed: true },
  80: { name: 'dataMode' },
  113: { name: 'battery' },
  179: { name: 'output1', read: flag },
  180: { name: 'output2', read: flag },
  181: { name: 'pdop', read: tenth },
  182: { name: 'hdop', read: tenth },
  199: { name: 'tripMetres' },
  200: { name: 'sleepMode' },
  205: { name: 'cellId' },
  206: { name: 'areaCode' },
  239: { name: 'ignition', read: flag },
  240: { name: 'moving', read: flag },
  241: { name: 'operator' },
}

/** An element of this number is the driver's: an iButton, or a card. */
export const driverElements = [78, 207]

const greenDriving: Record<number, string> = { 1: 'hardAcceleration', 2: 'hardBraking', 3: 'hardCornering' }

/**
 * What an element has raised the record for. Many of these are told in every record as a state, too: an alarm
 * is only the one that the record was made for.
 */
export const alarms: Record<number, (value: number) => string | null> = {
  175: value => value === 1 ? 'geofenceEnter' : 'geofenceExit',
  236: value => value ? 'general' : null,
  246: value => value ? 'tow' : null,
  247: value => value ? 'accident' : null,
  249: value => value ? 'jamming' : null,
  252: value => value ? 'powerCut' : 'powerRestored',
  253: value => greenDriving[value] ?? null,
  255: () => 'overspeed',
}
