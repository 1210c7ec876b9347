import type { ApiObject } from '../../apis/meta/object.ts';
import type { StoredObject } from '../store/store.ts';
import { deepFreeze, without } from './json.ts';

/** An object as the API shows it, from its stored text. */
export function decodeStored({ value, resourceVersion }: Pick<StoredObject, 'value' | 'resourceVersion'>, freeze: boolean): ApiObject {
  const object = withResourceVersion(JSON.parse(value) as ApiObject, resourceVersion);
  return freeze ? deepFreeze(object) : object;
}

/** The text to store of an object: all of it but its resourceVersion. */
export function encodeStored(object: ApiObject): string {
  return JSON.stringify({ ...object, metadata: without({ ...object.metadata }, 'resourceVersion') });
}

/** The same object at another resourceVersion. */
export function withResourceVersion(object: ApiObject, resourceVersion: bigint): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(resourceVersion) } };
}
