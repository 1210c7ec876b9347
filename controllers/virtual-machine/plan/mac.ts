import { fnv1a64 } from '../../../apis/meta/fnv.ts';

/** The hardware address of a VM's interface: always the same for this VM and name, locally administered, unicast. */
export function macOf(uid: string, name: string): string {
  const hash = fnv1a64(`${uid}/${name}`);
  const folded = (hash ^ (hash >> 40n)) & 0xffffffffffn;
  const pairs = folded.toString(16).padStart(10, '0').match(/../g) ?? [];
  return ['02', ...pairs].join(':');
}
