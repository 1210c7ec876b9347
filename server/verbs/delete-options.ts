import { z } from 'zod';
import { validate } from '../admission/validate.ts';
import { decodeBody } from '../admission/decode.ts';
import { badRequest, invalidAs } from '../registry/refusals.ts';
import { isDryRun } from './query.ts';
import type { Call } from './services.ts';

const Propagation = z.enum(['Background', 'Foreground', 'Orphan']);

const Body = z.strictObject({
  kind: z.literal('DeleteOptions').exactOptional(),
  apiVersion: z.string().exactOptional(),
  gracePeriodSeconds: z.int().min(0).nullable().exactOptional(),
  preconditions: z
    .strictObject({ uid: z.string().nullable().exactOptional(), resourceVersion: z.string().nullable().exactOptional() })
    .nullable()
    .exactOptional(),
  propagationPolicy: Propagation.nullable().exactOptional(),
  orphanDependents: z.boolean().nullable().exactOptional(),
  dryRun: z.array(z.literal('All')).nullable().exactOptional(),
});

/** How an object shall be deleted. */
export interface DeleteOptions {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly propagation: z.output<typeof Propagation>;
  readonly dryRun: boolean;
}

function bodyOf({ request }: Call): z.output<typeof Body> {
  if (request.body === undefined || request.body.trim() === '') return {};
  const { value } = decodeBody(request.body, request.headers['content-type']);
  const parsed = Body.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalidAs('meta.k8s.io', 'DeleteOptions', '', validate(Body, value));
}

/** The options of a delete request, from its body and its parameters; the body wins. ApiError for what makes no sense. */
export function deleteOptionsOf(call: Call): DeleteOptions {
  const { query } = call;
  const body = bodyOf(call);
  // There is nothing to wait for before an object goes but its finalizers; a grace period is accepted and is zero.
  query.count('gracePeriodSeconds');
  const orphan = body.orphanDependents ?? (query.text('orphanDependents') === undefined ? null : query.flag('orphanDependents'));
  const asked = body.propagationPolicy ?? query.text('propagationPolicy') ?? null;
  if (asked !== null && orphan !== null) throw badRequest('orphanDependents and propagationPolicy cannot be both set');
  const propagation = Propagation.safeParse(asked ?? (orphan === true ? 'Orphan' : 'Background'));
  if (!propagation.success) throw badRequest('propagationPolicy must be Background, Foreground or Orphan');
  return {
    uid: body.preconditions?.uid ?? undefined,
    resourceVersion: body.preconditions?.resourceVersion ?? undefined,
    propagation: propagation.data,
    dryRun: (body.dryRun ?? []).length > 0 || isDryRun(query),
  };
}
