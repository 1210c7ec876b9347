import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import { DriverError } from '../../drivers/contract/driver-error.ts';
import type { OpenSession, Sessions } from '../../drivers/contract/sessions.ts';
import type { Round } from '../runtime/controller.ts';
import { changing, openEndpoint, serviceOf } from '../runtime/device.ts';
import type { HostStep } from './plan-facts.ts';
import type { Vigil } from './vigil.ts';

/** How long an orphan's guest may take to shut down. */
const ORPHAN_STOP_MS = 60_000;

interface Work {
  readonly sessions: Sessions;
  readonly vigil: Vigil;
  readonly host: Host;
  readonly round: Round;
}

function openPower({ sessions, host, round }: Work, signal: AbortSignal): Promise<OpenSession> {
  const { kind, metadata, spec } = host;
  if (spec.power === undefined) throw new DriverError('INVALID_ARGUMENT', 'FIELD_INVALID', 'spec.power was taken away');
  const { driver: name, ...at } = spec.power;
  return openEndpoint(
    sessions,
    'power',
    { kind, metadata, spec: { driver: { name, ...at }, limits: spec.limits } },
    round.authority,
    signal,
  );
}

/** Performs one step on a host. */
export async function takeStep(step: HostStep, work: Work, signal: AbortSignal): Promise<void> {
  const { sessions, vigil, host, round } = work;
  const { metadata, status } = host;
  const cause = step.do;
  switch (step.do) {
    case 'forget':
      vigil.forget(metadata.uid);
      return sessions.close(metadata.uid, signal);
    case 'power-off': {
      const session = await openPower(work, signal);
      await serviceOf(session.driver.power, 'power').off(changing(session, round, { metadata, cause }), signal);
      // It answered, so the host is off; the next round records that. Who dies before switches it off once more.
      vigil.proven(metadata.uid, status.bootId ?? '');
      return;
    }
    case 'stop-copy':
    case 'delete-copy':
    case 'stop-orphan':
    case 'delete-orphan': {
      const { uid, generation, placementEpoch } = step.machine;
      const session = await openEndpoint(sessions, 'machine', host, round.authority, signal);
      const machines = serviceOf(session.driver.machine, 'machines');
      const context = changing(session, round, { metadata: { ...metadata, generation }, placementEpoch, cause });
      if (step.do === 'stop-copy') await machines.stop(context, uid, { mode: 'hard' }, signal);
      else if (step.do === 'stop-orphan') await machines.stop(context, uid, { mode: 'graceful', deadlineMs: ORPHAN_STOP_MS }, signal);
      else await machines.delete(context, uid, signal);
    }
  }
}
