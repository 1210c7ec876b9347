import { ApiError, statusOf } from '../../apis/meta/api-error.ts';
import type { Clock } from '../../apis/meta/clock.ts';
import type { KindDefinition } from '../../apis/meta/kind.ts';
import type { ApiRequest, ApiResponse, ApiStream, Transport } from '../../apis/meta/request.ts';
import { structuralSchemaOf } from '../../apis/structural.ts';
import { createAdmission, type Admission } from '../admission/admit.ts';
import { createWatchCache, HISTORY, type WatchCache } from '../registry/cache.ts';
import type { ChangeLogLimits } from '../registry/change-log.ts';
import { forbidden, methodNotAllowed, noSuchPath } from '../registry/refusals.ts';
import { createDeadlines, type Deadlines } from '../registry/deadlines.ts';
import { createRegistry } from '../registry/registry.ts';
import { isNamespaces, resourcesOf, type Resource } from '../registry/resource.ts';
import type { Store } from '../store/store.ts';
import { authorizeBy, refusalSentence, STATIC_POLICY, type Attributes, type Authorize } from './authorize.ts';
import { answerComputed, type Computed } from './computed.ts';
import { createObject } from './create.ts';
import { withDeadline } from './deadline.ts';
import { deleteObject } from './delete.ts';
import { getObject } from './get.ts';
import { listObjects } from './list.ts';
import type { Answered } from './metrics.ts';
import { patchObject } from './patch.ts';
import { deadlineMsOf, queryOf, type Verb } from './query.ts';
import { representer } from './represent.ts';
import { jsonAnswer, type Call, type ListAnswer, type Services } from './services.ts';
import { createTargets, type Target } from './target.ts';
import { updateObject } from './update.ts';
import { watchObjects } from './watch.ts';

/** Answers the paths that are no resources and that it knows, such as discovery and health; undefined for all others. */
export type DocumentRoute = (request: ApiRequest, signal: AbortSignal) => ApiResponse | undefined | Promise<ApiResponse | undefined>;

export interface ApiOptions {
  readonly store: Store;
  readonly catalog: readonly KindDefinition[];
  readonly clock: Clock;
  readonly newUid: () => string;
  /** Five lower-case letters or digits, for generateName. */
  readonly newSuffix: () => string;
  /** Compiled from the schemas of the kinds where it is not given: whoever opens very many APIs shares one. */
  readonly admission?: Admission;
  /** By the groups of STATIC_POLICY where it is not given. */
  readonly authorize?: Authorize;
  /** Asked in this order. */
  readonly documents?: readonly DocumentRoute[];
  /** Where the objects of kinds of origin `computed` come from; of a kind that is not here there are none. */
  readonly computed?: readonly Computed[];
  /** Hears of every answer. */
  readonly onAnswered?: (answered: Answered) => void;
  /** Hears of what went wrong inside, which clients are not told. */
  readonly onTrouble?: (error: unknown) => void;
  /** How much of its past each kind keeps; HISTORY where it is not given. */
  readonly history?: ChangeLogLimits;
  /** Freezes all objects, so that a change of shared data is an error; for tests. */
  readonly freeze?: boolean;
}

export interface Api {
  /** Answers every request; failures are answers too. Rejects only when the signal aborts first. */
  readonly handle: Transport;
  /** Follows the store until the signal aborts. Requests for objects wait for its first list. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether objects can be served now. */
  ready(): boolean;
  /** What the loops of server/lifecycle read: `runLifecycle({ ...api, store, clock, identity, onTrouble }, signal)`. */
  readonly cache: WatchCache;
  readonly resources: readonly Resource[];
}

type Operation = (services: Services, call: Call, signal: AbortSignal) => Promise<ApiResponse | ApiStream | ListAnswer>;

const OPERATIONS: Readonly<Record<Verb, Operation>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch: patchObject,
  delete: deleteObject,
};

function isWatch({ query }: ApiRequest): boolean {
  return query.some(([name, value]) => name === 'watch' && (value === 'true' || value === '1'));
}

function verbOf(request: ApiRequest, { resource, namespace, name, subresource }: Target): Verb {
  const { method } = request;
  const reads = method === 'GET' || method === 'HEAD';
  if (name === '') {
    if (reads) return isWatch(request) ? 'watch' : 'list';
    const everywhere = resource.kind.scope === 'Namespaced' && namespace === '';
    if (method === 'POST' && !everywhere) return 'create';
    throw methodNotAllowed();
  }
  if (method === 'PUT') return 'update';
  if (subresource !== 'finalize') {
    if (reads) return 'get';
    if (method === 'PATCH') return 'patch';
    if (method === 'DELETE' && subresource === '') return 'delete';
  }
  throw methodNotAllowed();
}

function attributesOf(verb: Verb, { resource, namespace, name, subresource }: Target): Attributes {
  return { verb, group: resource.kind.group, resource: resource.kind.plural, subresource, namespace, name };
}

function failure(error: ApiError): ApiResponse {
  const { retryAfterSeconds } = error.details;
  const answer = jsonAnswer(error.code, statusOf(error));
  return retryAfterSeconds === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfterSeconds) } };
}

interface Wiring {
  readonly services: Services;
  readonly authorize: Authorize;
  readonly options: ApiOptions;
  readonly cache: WatchCache;
  readonly deadlines: Deadlines;
  readonly targetOf: (path: string) => Target | undefined;
}

async function answerDocument({ authorize, options }: Wiring, request: ApiRequest, signal: AbortSignal): Promise<ApiResponse> {
  const attributes = { verb: request.method === 'HEAD' ? 'get' : request.method.toLowerCase(), path: request.path };
  if (!authorize(request.caller, attributes)) throw new ApiError('Forbidden', `forbidden: ${refusalSentence(request.caller, attributes)}`);
  for (const route of options.documents ?? []) {
    const answer = await route(request, signal);
    if (answer !== undefined) return answer;
  }
  throw noSuchPath();
}

/** What is known of a request so far, for its count. */
interface About {
  verb: string;
  resource: string;
}

/** Waits for the first list of the store: every version is above nothing. */
async function waitUntilReady(cache: WatchCache, signal: AbortSignal): Promise<void> {
  if (cache.filled) return;
  await cache.reached(0n, signal).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw new ApiError('ServiceUnavailable', 'the server is starting: try again', { details: { retryAfterSeconds: 1 }, cause });
  });
}

/** How a target is worked on: through the registry, or by computing it. */
function operationOf({ services, options }: Wiring, verb: Verb, call: Call): (signal: AbortSignal) => ReturnType<Operation> {
  const { kind } = call.target.resource;
  if (kind.origin !== 'computed') return (signal) => OPERATIONS[verb](services, call, signal);
  const source = options.computed?.find((one) => one.kind === kind) ?? { kind, list: () => Promise.resolve([]) };
  return (signal) => answerComputed(source, verb, call, signal);
}

async function answer(wiring: Wiring, request: ApiRequest, about: About, signal: AbortSignal): Promise<ApiResponse | ApiStream> {
  const { authorize, options } = wiring;
  const target = wiring.targetOf(request.path);
  if (target === undefined) return answerDocument(wiring, request, signal);
  const verb = verbOf(request, target);
  about.verb = verb;
  about.resource = target.resource.name;
  const attributes = attributesOf(verb, target);
  if (!authorize(request.caller, attributes)) throw forbidden(target.resource, target.name, refusalSentence(request.caller, attributes));
  const call = { request, target, query: queryOf(request, verb) };
  const represent = representer(request, target.resource.kind, () => options.clock.now());
  await waitUntilReady(wiring.cache, signal);
  const operate = operationOf(wiring, verb, call);
  return represent(
    verb === 'watch' ? await operate(signal) : await withDeadline(wiring.deadlines, deadlineMsOf(call.query), operate, signal),
  );
}

/** Tells of every answer that `work` gives. */
function counted(
  { clock, onAnswered }: ApiOptions,
  work: (request: ApiRequest, about: About, signal: AbortSignal) => Promise<ApiResponse | ApiStream>,
): Transport {
  return async (request, signal) => {
    const about: About = { verb: request.method.toLowerCase(), resource: '' };
    if (onAnswered === undefined) return work(request, about, signal);
    const beganMs = clock.monotonic();
    const answered = await work(request, about, signal);
    onAnswered({ ...about, code: answered.status, seconds: (clock.monotonic() - beganMs) / 1000 });
    return answered;
  };
}

/** The API over a store: every request of every kind of the catalog. Call `run` once, then `handle` at will. */
export function createApi(options: ApiOptions): Api {
  const { store, catalog, clock, newUid, newSuffix, freeze = false, history = HISTORY, onTrouble = () => undefined } = options;
  const resources = resourcesOf(catalog.filter(({ origin }) => origin !== 'computed'));
  const computed = resourcesOf(catalog.filter(({ origin }) => origin === 'computed'));
  const cache = createWatchCache({ store, clock, resources, history, freeze, onTrouble });
  const registry = createRegistry(store, cache, clock, freeze);
  const services: Services = {
    registry,
    admission: options.admission ?? createAdmission(structuralSchemaOf),
    clock,
    namespaces: resources.find(isNamespaces),
    newUid,
    newSuffix,
  };
  const wiring: Wiring = {
    services,
    deadlines: createDeadlines(clock),
    targetOf: createTargets([...resources, ...computed]),
    authorize: options.authorize ?? authorizeBy(STATIC_POLICY),
    options,
    cache,
  };
  return {
    handle: counted(options, async (request, about, signal) => {
      try {
        return await answer(wiring, request, about, signal);
      } catch (error) {
        if (error instanceof ApiError) return failure(error);
        if (signal.aborted) throw error;
        onTrouble(error);
        return failure(new ApiError('InternalError', 'the server could not answer because of an error of its own', { cause: error }));
      }
    }),
    run: (signal) => cache.run(signal),
    ready: () => cache.filled,
    cache,
    resources,
  };
}
