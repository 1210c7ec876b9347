import { relative } from 'node:path';
import type { ReporterOptions } from 'knip';

/** Lets knip print what it found and, on the last line, how many files it saw: a number that its own reporters keep to themselves. */
export default function report({ report: wanted, issues, counters, cwd, write }: ReporterOptions): void {
  const lines = Object.entries(wanted).flatMap(([type, isWanted]) =>
    isWanted && type !== 'duplicates'
      ? Object.values(issues[type as keyof typeof issues]).flatMap((inFile) =>
          Object.values(inFile).map(
            ({ filePath, symbol, line }) => `${relative(cwd, filePath)}${line === undefined ? '' : `:${line}`}: knip ${type}: ${symbol}`,
          ),
        )
      : [],
  );
  const text = [...lines, JSON.stringify({ processed: counters.processed })].join('\n');
  if (write === undefined) console.log(text);
  else write(text);
}
