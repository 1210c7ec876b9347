const SCALES: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  '': 1_000_000_000n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: (10n ** 9n) << 10n,
  Mi: (10n ** 9n) << 20n,
  Gi: (10n ** 9n) << 30n,
  Ti: (10n ** 9n) << 40n,
  Pi: (10n ** 9n) << 50n,
  Ei: (10n ** 9n) << 60n,
};

const QUANTITY = /^([+-]?)(\d{1,40})?(?:\.(\d{0,9}))?(?:([eE])([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** The exact amount of a Kubernetes quantity in thousand-millionths, rounded away from zero; undefined where the text is none. */
export function nanosOf(text: string): bigint | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponential, exponent = '0', suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const power = Number(exponential === undefined ? 0 : exponent) - fraction.length;
  const digits = BigInt(whole + fraction) * (SCALES[suffix] ?? 1n);
  const divisor = 10n ** BigInt(Math.max(0, -power));
  const scaled = digits * 10n ** BigInt(Math.max(0, power));
  const amount = (scaled + divisor - 1n) / divisor;
  return sign === '-' ? -amount : amount;
}
