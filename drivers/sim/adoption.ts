import { DriverError } from '../contract/driver-error.ts';
import { passObject, passTombstone, UNSEEN_OBJECT } from '../contract/fence-check.ts';
import type { SeenObject } from '../contract/fence-check.ts';
import type { Adoption, Fence, MutationContext, Owner } from '../contract/fence.ts';
import { checkOwner, checkThingId, fieldInvalid } from '../contract/names.ts';
import { passLeader, tombstone } from './documents.ts';
import type { World } from './world.ts';

interface Adoptable {
  readonly id: string;
  readonly name: string;
  readonly owner?: Owner;
  readonly released: boolean;
  readonly seen: SeenObject;
}

/** Where a thing is, and how it is found and refused there. */
interface AdoptionPlace<Doc extends Adoptable> {
  readonly thing: 'machine' | 'disk';
  readonly table: 'machines' | 'disks';
  readonly place: string;
  /** The thing of this uid, where it is there; throws where it is another's. */
  mine(uid: string): Doc | undefined;
  /** The thing of this id, whoever's it is; throws where it cannot be taken in now. */
  find(id: string): Doc;
}

function checkTag({ id, owner }: Adoptable, thing: string, from: string): void {
  const uid = owner?.uid ?? '';
  if (uid === from) return;
  const message = `the ${thing} ${id} has the tag ${JSON.stringify(uid)}, and ${JSON.stringify(from)} was seen on it`;
  throw new DriverError('ALREADY_EXISTS', 'FOREIGN_OWNER', message, { metadata: { uid } });
}

function seenFrom(fence: Fence): SeenObject {
  return { ...passObject(fence, UNSEEN_OBJECT), generation: 0 };
}

/**
 * Takes a thing in for its new owner, by whose uid it is found from then on; its old uid is dead, so that what is still under way for it finds
 * nothing. `keep` stores it.
 */
export function adoptThing<Doc extends Adoptable, View>(
  world: World,
  context: MutationContext,
  { id, owner, from }: Adoption,
  at: AdoptionPlace<Doc>,
  act: { readonly keep: (doc: Doc) => View; readonly view: (doc: Doc) => View; readonly nowMs: number },
): View {
  checkOwner('owner', owner);
  checkThingId('id', id);
  if (owner.installation !== context.fence.installation) throw fieldInvalid('owner.installation', "must be the fence's installation");
  return world.write(() => {
    passLeader(world, context.fence);
    const mine = at.mine(owner.uid);
    if (mine !== undefined) {
      passObject(context.fence, mine.seen);
      return act.view(mine);
    }
    passTombstone(at.thing, context.fence, tombstone(world, at.place, owner.uid));
    const found = at.find(id);
    checkTag(found, at.thing, from);
    world.remove(at.table, at.place, id);
    if (found.owner !== undefined) world.put('tombstones', at.place, id, { ...found.seen, atMs: act.nowMs });
    return act.keep({ ...found, id: owner.uid, name: owner.name, owner, released: false, seen: seenFrom(context.fence) });
  });
}
