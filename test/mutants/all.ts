import { BESIDE_MUTANTS } from './beside.ts';
import { CLIENT_MUTANTS } from './client.ts';
import { MACHINE_MUTANTS } from './machines.ts';
import type { Mutant } from './mutant.ts';
import { RUNTIME_MUTANTS } from './runtime.ts';
import { WORLD_MUTANTS } from './world.ts';

/** What the simulation, or a test beside the code, must find; one bug each. */
export const MUTANTS: readonly Mutant[] = [...RUNTIME_MUTANTS, ...CLIENT_MUTANTS, ...MACHINE_MUTANTS, ...WORLD_MUTANTS, ...BESIDE_MUTANTS];
