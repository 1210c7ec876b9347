import type { Scenario } from '../scenario.ts';
import { beatSilence, halfOpen } from './beats.ts';
import { createVm } from './create-vm.ts';
import { attachDisk, detachDisk, dropDisk, growVolume, handOver } from './disks.ts';
import { leaseExpires } from './lease.ts';
import { hostLoss, hostSilence, outOfService } from './loss.ts';
import { maintenance, maintenanceTakenBack, moveStopped, moveVm } from './moves.ts';
import { deleteVm, resizeVm, restartVm, startVm, stopVm } from './power.ts';
import { createDeleteRace, driverRestart, leaderChange, twoProcesses, twoServers } from './races.ts';

/** Every story whose boundaries are tried; another one is a file and a line here. */
export const SCENARIOS: readonly Scenario[] = [
  createVm,
  startVm,
  stopVm,
  restartVm,
  resizeVm,
  deleteVm,
  attachDisk,
  detachDisk,
  growVolume,
  handOver,
  dropDisk,
  moveVm,
  moveStopped,
  hostLoss,
  hostSilence,
  outOfService,
  maintenance,
  maintenanceTakenBack,
  driverRestart,
  createDeleteRace,
  twoProcesses,
  twoServers,
  leaderChange,
  leaseExpires,
  beatSilence,
  halfOpen,
];
