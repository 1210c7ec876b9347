import { ApiError, type StatusCause, type StatusDetails } from '../../apis/meta/api-error.ts';
import type { Resource } from './resource.ts';

function detailsOf({ kind }: Resource, name: string): StatusDetails {
  return { name, ...(kind.group !== '' && { group: kind.group }), kind: kind.plural };
}

/** The object is not there. */
export function notFound(resource: Resource, name: string): ApiError {
  return new ApiError('NotFound', `${resource.name} "${name}" not found`, { details: detailsOf(resource, name) });
}

/** The path names nothing that the API serves. */
export function noSuchPath(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource');
}

/** The path is served, but not by this method. */
export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** An object of that name is there already. */
export function alreadyExists(resource: Resource, name: string): ApiError {
  return new ApiError('AlreadyExists', `${resource.name} "${name}" already exists`, { details: detailsOf(resource, name) });
}

/** The object is not what the caller thinks; `because` overrides the usual sentence, that it was modified. */
export function conflict(resource: Resource, name: string, because?: string): ApiError {
  const reason = because ?? 'the object has been modified; please apply your changes to the latest version and try again';
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${resource.name} "${name}": ${reason}`, {
    details: detailsOf(resource, name),
  });
}

/** The caller may not, or nobody may now. */
export function forbidden(resource: Resource, name: string, because: string, causes?: readonly StatusCause[]): ApiError {
  return new ApiError('Forbidden', `${resource.name}${name === '' ? '' : ` "${name}"`} is forbidden: ${because}`, {
    details: { ...detailsOf(resource, name), ...(causes !== undefined && { causes }) },
  });
}

/** More faults than this help nobody, and a body of a million would be answered with a message of as many sentences. */
const MOST_CAUSES = 64;

/** The object breaks rules of its kind: one cause for each, of very many the first. */
export function invalid({ kind }: Resource, name: string, causes: readonly StatusCause[]): ApiError {
  return invalidAs(kind.group, kind.kind, name, causes);
}

/** As `invalid`, for things that are no resource, such as ListOptions. */
export function invalidAs(group: string, kind: string, name: string, causes: readonly StatusCause[]): ApiError {
  const shown = causes.slice(0, MOST_CAUSES);
  const more = causes.length - shown.length;
  const sentences = shown.map(({ field, message }) => (field === undefined ? message : `${field}: ${message}`));
  if (more > 0) sentences.push(`and ${String(more)} more`);
  const all = sentences.length === 1 ? (sentences[0] ?? '') : `[${sentences.join(', ')}]`;
  return new ApiError('Invalid', `${group === '' ? kind : `${kind}.${group}`} "${name}" is invalid: ${all}`, {
    details: { name, ...(group !== '' && { group }), kind, causes: shown },
  });
}

/** The request itself makes no sense. */
export function badRequest(message: string, cause?: unknown): ApiError {
  return new ApiError('BadRequest', message, cause === undefined ? {} : { cause });
}

/** The history that was asked for is not kept any more. */
export function expired(message: string): ApiError {
  return new ApiError('Expired', message);
}
