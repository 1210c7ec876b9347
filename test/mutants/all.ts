import { CLIENT_MUTANTS } from './client.ts';
import { MACHINE_MUTANTS } from './machines.ts';
import type { Mutant } from './mutant.ts';
import { RUNTIME_MUTANTS } from './runtime.ts';
import { WORLD_MUTANTS } from './world.ts';

/** What the simulation must find; one bug each. */
export const MUTANTS: readonly Mutant[] = [...RUNTIME_MUTANTS, ...CLIENT_MUTANTS, ...MACHINE_MUTANTS, ...WORLD_MUTANTS];
