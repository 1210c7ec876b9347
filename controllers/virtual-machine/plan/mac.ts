const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;

/** FNV-1a, 64 bits, of the UTF-16 units of a text. */
function hashOf(text: string): bigint {
  let hash = OFFSET;
  for (let at = 0; at < text.length; at += 1) hash = ((hash ^ BigInt(text.charCodeAt(at))) * PRIME) & MASK;
  return hash;
}

/** The hardware address of a VM's interface: always the same for this VM and name, locally administered, unicast. */
export function macOf(uid: string, name: string): string {
  const hash = hashOf(`${uid}/${name}`);
  const folded = (hash ^ (hash >> 40n)) & 0xffffffffffn;
  const pairs = folded.toString(16).padStart(10, '0').match(/../g) ?? [];
  return ['02', ...pairs].join(':');
}
