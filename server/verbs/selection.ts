import { parseFieldSelector } from '../registry/field-selector.ts';
import { parseLabelSelector } from '../registry/label-selector.ts';
import type { Selection } from '../registry/selection.ts';
import type { Call } from './services.ts';

/** The selection of a request by labels and fields; ApiError BadRequest for a selector that cannot be read. */
export function selectionOf({ target, query }: Call): Selection {
  return {
    labels: parseLabelSelector(query.text('labelSelector') ?? ''),
    fields: parseFieldSelector(target.resource, query.text('fieldSelector') ?? ''),
  };
}
