import type { MachineState } from './machine-state.ts';
import { interval, median } from './statistics.ts';
import type { Line, OwnWorkload, Sample, Target, Where, Workload } from './workload.ts';

/** One side in one round of one workload. */
export interface Measured {
  readonly workload: string;
  readonly round: number;
  readonly side: Where;
  readonly machine: MachineState;
  /** How long it took. */
  readonly seconds: number;
  /** Absent where the workload failed on this side; `failure` says how. */
  readonly sample?: Sample;
  readonly failure?: string;
}

/** One target, and what was reached. */
export interface Verdict {
  readonly workload: string;
  readonly says: string;
  readonly side: Where;
  readonly of: 'ratio' | 'absolute';
  readonly limit: number;
  readonly atLeast: boolean;
  /** NaN where nothing was measured. */
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
  readonly met: boolean;
}

function figuresOf(measured: readonly Measured[], workload: string, side: Where, figure: string): ReadonlyMap<number, number> {
  const mine = measured.filter((one) => one.workload === workload && one.side === side);
  return new Map(mine.flatMap(({ round, sample }) => (sample?.[figure] === undefined ? [] : [[round, sample[figure]] as const])));
}

function verdict(measured: readonly Measured[], { id }: Line, target: Target, side: Where): Verdict {
  const ours = figuresOf(measured, id, side, target.figure);
  const theirs = figuresOf(measured, id, 'peer', target.figure);
  const values = [...ours].flatMap(([round, value]) => {
    if (target.of === 'absolute') return [value];
    const other = theirs.get(round) ?? theirs.get(Math.max(...theirs.keys()));
    return other === undefined ? [] : [value / other];
  });
  const middle = median(values);
  const [low, high] = interval(values);
  const atLeast = target.atLeast !== undefined;
  const limit = target.atLeast ?? target.atMost ?? Number.NaN;
  const met = atLeast ? middle >= limit : middle <= limit;
  return { workload: id, says: target.says, side, of: target.of, limit, atLeast, median: middle, low, high, rounds: values.length, met };
}

/** Holds what was measured against every target. */
export function verdicts(measured: readonly Measured[], workloads: readonly (Workload | OwnWorkload)[]): readonly Verdict[] {
  return workloads.flatMap((workload) => {
    const sides: readonly Where[] = workload.on === 'own' ? ['own'] : ['ours-etcd', 'ours-sqlite'];
    return workload.targets.flatMap((target) =>
      sides.filter((side) => target.only === undefined || target.only === side).map((side) => verdict(measured, workload, target, side)),
    );
  });
}

const short = (value: number): string => (Number.isNaN(value) ? '-' : value.toPrecision(3).replace(/e\+.*/, ''));

/** The table as Markdown. */
export function tableOf(all: readonly Verdict[]): string {
  const rows = all.map(
    ({ workload, says, side, of, median: middle, low, high, rounds, met }) =>
      `| ${workload} | ${says} | ${side} | ${number(middle)}${of === 'ratio' ? 'x' : ''} | ${number(low)} to ${number(high)} | ${rounds} | ${rounds === 0 ? 'not measured' : met ? 'met' : 'missed'} |`,
  );
  return ['| # | target | side | median | 95 % interval | rounds | |', '| --- | --- | --- | --- | --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}

/** A figure with three digits. */
export function number(value: number): string {
  return Math.abs(value) >= 1_000 ? String(Math.round(value)) : short(value);
}
