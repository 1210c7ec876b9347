import { number, type Verdict } from './report.ts';

const WIDTH = 900;
const LABELS = 430;
const ROW = 22;
const TOP = 50;
/** The scale goes from a hundredth of the target to a hundred times. */
const DECADES = 2;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Where a value lies, as a multiple of the target, on a logarithmic axis. */
function across(multiple: number): number {
  const exponent = Math.min(DECADES, Math.max(-DECADES, Math.log10(multiple)));
  return LABELS + ((exponent + DECADES) / (2 * DECADES)) * (WIDTH - LABELS - 90);
}

function row({ workload, says, side, limit, atLeast, median, low, high, met }: Verdict, index: number): string {
  const y = TOP + index * ROW;
  // To the right is better for every row, whether the target is a floor or a ceiling.
  const better = (value: number): number => (atLeast ? value / limit : limit / Math.max(value, Number.MIN_VALUE));
  const [left, middle, right] = [across(better(low)), across(better(median)), across(better(high))];
  const colour = met ? '#1a7f37' : '#cf222e';
  return [
    `<text x="${LABELS - 10}" y="${y + 4}" text-anchor="end">${escaped(`${workload} ${side}: ${says}`)}</text>`,
    `<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="${colour}" stroke-width="3"/>`,
    `<circle cx="${middle}" cy="${y}" r="4.5" fill="${colour}"/>`,
    `<text x="${WIDTH - 80}" y="${y + 4}">${number(median)}</text>`,
  ].join('');
}

/** Every measured target on one axis: how many times better than the target, with its interval. */
export function plotOf(all: readonly Verdict[]): string {
  const shown = all.filter(({ rounds }) => rounds > 0);
  const height = TOP + shown.length * ROW + 20;
  const one = across(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${one}" y="20" text-anchor="middle">target</text><text x="${WIDTH - 90}" y="20" text-anchor="end">100 times better</text>`,
    `<line x1="${one}" y1="26" x2="${one}" y2="${height - 10}" stroke="#57606a" stroke-dasharray="3 3"/>`,
    ...shown.map(row),
    '</svg>',
    '',
  ].join('\n');
}
