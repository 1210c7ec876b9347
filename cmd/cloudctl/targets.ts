import type { Api } from './api.ts';
import { ApiError } from '../../apis/meta/api-error.ts';
import { resourcesNamed, type Resource } from './resources.ts';

/** What a command shall work on: one object by name, or all of a kind. */
export interface Target {
  readonly resource: Resource;
  readonly name?: string;
}

/** What every command has: the API, the namespace in force, how to print, and what the server serves. */
export interface Context {
  readonly api: Api;
  readonly namespace: string;
  readonly resources: readonly Resource[];
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** A word on the command line that cannot be meant; exit code 1. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Reads `vm`, `vm,vol`, `vm web-1 web-2` or `vm/web-1 vol/data-1`, as kubectl does. */
export function targetsOf({ resources }: Pick<Context, 'resources'>, words: readonly string[]): readonly Target[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError('say what: a type such as vms, or TYPE/NAME');
  if (words.some((word) => word.includes('/'))) {
    return words.map((word) => {
      const [type = '', name = '', ...more] = word.split('/');
      if (type === '' || name === '' || more.length > 0)
        throw new UsageError(`${JSON.stringify(word)} is not TYPE/NAME, and a bare name cannot stand beside one`);
      return { resource: single(resources, type), name };
    });
  }
  if (rest.length > 0) {
    const resource = single(resources, first);
    return rest.map((name) => ({ resource, name }));
  }
  return first.split(',').flatMap((type) => resourcesNamed(resources, type).map((resource) => ({ resource })));
}

function single(resources: readonly Resource[], type: string): Resource {
  const [resource, ...others] = resourcesNamed(resources, type);
  if (resource === undefined || others.length > 0)
    throw new ApiError('BadRequest', `${JSON.stringify(type)} is a category, which has no names`);
  return resource;
}
