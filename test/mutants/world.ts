import type { Mutant } from './mutant.ts';

const CLAIM = 'controllers/volume/plan-claim.ts';
const LOSS = 'controllers/host/plan-loss.ts';

/** Bugs of volumes and hosts. */
export const WORLD_MUTANTS: readonly Mutant[] = [
  {
    name: 'claim-never-falls',
    why: 'A claim stays when the disk was seen to be detached.',
    file: CLAIM,
    edits: [["return facts.claimHolds || facts.holder?.state !== 'free' ? claim : null;", 'return claim;']],
    prey: ['hand-over', 'detach-disk'],
  },
  {
    name: 'unpublishes-a-used-disk',
    why: 'A disk is taken away from the host that its claim names.',
    file: CLAIM,
    edits: [['return disk.publishedTo.filter((hostId) => hostId !== keep)', 'return disk.publishedTo']],
    prey: ['create-vm'],
  },
  {
    name: 'disk-of-another-name',
    why: 'Each try to make a disk names it anew.',
    file: 'controllers/volume/controller.ts',
    edits: [
      [
        'const owner = ownerOf(round.authority, volume);',
        "const owner = { ...ownerOf(round.authority, volume), ...(step.do === 'create' && { uid: `${uid.slice(0, -4)}${String(round.authority.epoch).slice(-4)}` }) };",
      ],
    ],
    prey: ['create-vm'],
  },
  {
    name: 'silence-is-death',
    why: 'A host is proven dead because it does not answer for a moment.',
    file: LOSS,
    edits: [
      [
        '  if (spec.outOfService?.bootId !== bootId) return leaseFence(host, facts, before);\n',
        "  if (silence !== undefined) return { bootId, evidence: 'OutOfService', message: 'it does not answer' };\n  if (spec.outOfService?.bootId !== bootId) return leaseFence(host, facts, before);\n",
      ],
    ],
    prey: ['host-silence', 'driver-restart'],
  },
  {
    name: 'power-off-is-taken-for-done',
    why: 'A host is taken for off before its power driver has answered.',
    file: 'controllers/host/take.ts',
    edits: [
      [
        '      const session = await openPower(work, signal);\n',
        "      const session = await openPower(work, signal);\n      vigil.proven(metadata.uid, status.bootId ?? '');\n      if (round.trace !== '') return;\n",
      ],
    ],
    prey: ['host-silence'],
  },
  {
    name: 'never-cleans',
    why: 'A host that is back is used without being cleaned of what moved away.',
    file: 'controllers/host/plan-return.ts',
    edits: [['  if (copies.length === 0) return undefined;\n', '  if (copies.length >= 0) return undefined;\n']],
    prey: ['out-of-service', 'host-silence'],
  },
  {
    name: 'missing-beats-are-answers',
    why: 'A driver whose beats stay away is believed to beat on.',
    file: 'drivers/dial/beats.ts',
    edits: [['if (ticks < MOST_TICKS || silent === undefined) continue;', 'if (ticks < MOST_TICKS || silent !== undefined) continue;']],
    prey: ['half-open'],
  },
  {
    name: 'silence-in-a-beat-is-not-heard',
    why: 'A host that a beat lists as silent is not looked at.',
    file: 'drivers/dial/sessions.ts',
    edits: [['return beats.hear(event).flatMap(', 'beats.hear(event);\n  return [].flatMap(']],
    prey: ['beat-silence'],
  },
  {
    name: 'cleans-what-is-at-home',
    why: 'A host that is back is cleaned of machines whose place it is.',
    file: 'controllers/host/copies.ts',
    edits: [['return vm.status.host !== host && ', 'return ']],
    prey: ['out-of-service'],
  },
];
