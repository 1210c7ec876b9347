import type { ApiObject } from '../../apis/meta/object.ts';
import { parseFieldSelector } from '../registry/field-selector.ts';
import { parseLabelSelector } from '../registry/label-selector.ts';
import type { Call } from './services.ts';

/** Which objects of a collection a list or watch asks for. */
export interface Selection {
  readonly matches: (object: ApiObject) => boolean;
  /** Whether a selector was given at all. */
  readonly selective: boolean;
}

/** The selection of a request by labels and fields; ApiError BadRequest for a selector that cannot be read. */
export function selectionOf({ target, query }: Call): Selection {
  const byLabels = parseLabelSelector(query.text('labelSelector') ?? '');
  const byFields = parseFieldSelector(target.resource, query.text('fieldSelector') ?? '');
  return {
    matches: (object) => byLabels(object.metadata.labels) && byFields(object),
    selective: query.text('labelSelector') !== undefined || query.text('fieldSelector') !== undefined,
  };
}
