import type { Host } from '../../apis/infra/v1alpha1/host/schema.ts';
import type { HostLease } from '../../drivers/contract/lease.ts';
import type { OpenSession, Sessions } from '../../drivers/contract/sessions.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { renewLease } from './lease.ts';
import { host } from './test-facts.ts';
import { createVigil } from './vigil.ts';

const NONE: HostLease = { token: 't', offeredMs: 0, inForceMs: 0, holds: false };

/** A leader's looks at a host that answers each question for its lease by what `says` holds then. */
function looks() {
  const asked: string[] = [];
  const says = { lease: NONE, instance: 'i-1', epoch: 1 };
  const vigil = createVigil();
  const renew = (_context: unknown, token: string): Promise<HostLease> => {
    asked.push(token);
    return Promise.resolve(says.lease);
  };
  const open = (): Promise<OpenSession> => {
    const info = { name: 'sim', version: '1.0', instance: says.instance, contractVersions: [], categories: [] };
    const driver = { host: { renew } } as unknown as OpenSession['driver'];
    return Promise.resolve({ id: 's-1', driver, info, capabilities: ['host.lease'], beats: () => false });
  };
  const sessions = { open } as unknown as Sessions;
  const look = async (seen: Host): Promise<number> => {
    const before = asked.length;
    const authority = { installation: 'us', incarnation: 1, shard: 'zone-1', epoch: says.epoch };
    const round = { authority, trace: 'h-1.1', check: () => undefined };
    const lease = await renewLease({ sessions, vigil, clock: createManualClock(), host: seen, round }, new AbortController().signal);
    expect(lease).toEqual(says.lease);
    return asked.length - before;
  };
  return { says, look };
}

const booted = (bootId: string, generation = 1): Host => {
  const seen = host({}, { status: { bootId } });
  return { ...seen, metadata: { ...seen.metadata, generation } };
};

test('a host that has no lease is asked for one again only when that may have changed', async () => {
  const { says, look } = looks();
  expect([await look(booted('b-1')), await look(booted('b-1'))]).toEqual([1, 0]);
  expect([await look(booted('b-1', 2)), await look(booted('b-1', 2))]).toEqual([1, 0]);
  expect([await look(booted('b-2', 2)), await look(booted('b-2', 2))]).toEqual([1, 0]);
  says.instance = 'i-2';
  expect([await look(booted('b-2', 2)), await look(booted('b-2', 2))]).toEqual([1, 0]);
  says.epoch = 2;
  expect([await look(booted('b-2', 2)), await look(booted('b-2', 2))]).toEqual([1, 0]);
});

test.each([
  { what: 'one that is offered', lease: { ...NONE, offeredMs: 20_000 } },
  { what: 'one that is in force', lease: { ...NONE, inForceMs: 20_000, holds: true } },
])('$what is renewed by every look', async ({ lease }) => {
  const { says, look } = looks();
  says.lease = lease;
  const counts = [await look(booted('b-1')), await look(booted('b-1')), await look(booted('b-1'))];
  expect(Math.min(...counts)).toBeGreaterThan(0);
});
