import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiObject } from '../../apis/meta/object.ts';
import type { Client } from '../../client/client.ts';
import type { Owner } from '../../drivers/contract/fence.ts';
import type { Round } from './controller.ts';

interface Thing {
  readonly id: string;
  readonly owner?: Owner;
  readonly released: boolean;
}

/**
 * Uids of the tags of those things, among the ones with these ids, whose object is gone: read from the API now, because on that they are deleted.
 * Things that are not this installation's are never among them.
 */
export async function orphansOf(
  client: Client,
  kind: KindDefinition,
  { named, things, round }: { readonly named: readonly string[]; readonly things: readonly Thing[]; readonly round: Round },
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const ours = things.flatMap(({ id, owner, released }) => {
    const candidate = named.includes(id) && !released && owner?.installation === round.authority.installation && owner.kind === kind.kind;
    return candidate ? [owner] : [];
  });
  const orphans = new Set<string>();
  for (const { namespace, name, uid } of ours) {
    const object = await client.get<ApiObject>(kind, { namespace, name }, signal);
    if (object?.metadata.uid !== uid) orphans.add(uid);
  }
  return orphans;
}
