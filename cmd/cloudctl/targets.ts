import type { Api } from './api.ts';
import { checkName, resourcesNamed, type Resource } from './resources.ts';
import { UsageError } from './usage-error.ts';

/** What a command shall work on: one object by name, or all of a kind. */
export interface Target {
  readonly resource: Resource;
  readonly name?: string;
}

/** What every command has: the API, the namespace in force, how to print, and what the server serves. */
export interface Context {
  readonly api: Api;
  readonly namespace: string;
  /** Whether a person named the namespace: then objects of another one are not meant. */
  readonly namespaceGiven?: boolean;
  readonly resources: readonly Resource[];
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** Reads `vm`, `vm,vol`, `vm web-1 web-2` or `vm/web-1 vol/data-1`, as kubectl does. */
export function targetsOf({ resources }: Pick<Context, 'resources'>, words: readonly string[]): readonly Target[] {
  const [first, ...rest] = words;
  if (first === undefined) throw new UsageError('say what: a type such as vms, or TYPE/NAME');
  if (words.some((word) => word.includes('/'))) {
    return words.map((word) => {
      const [type = '', name, ...more] = word.split('/');
      if (name === undefined) throw new UsageError(`beside TYPE/NAME there can be no ${JSON.stringify(word)}: write it as TYPE/NAME too`);
      if (type === '' || name === '' || more.length > 0)
        throw new UsageError(`${JSON.stringify(word)} is not TYPE/NAME: one type, one slash, one name`);
      return { resource: single(resources, type), name: checkName(name) };
    });
  }
  if (rest.length > 0) {
    const resource = single(resources, first);
    return rest.map((name) => ({ resource, name: checkName(name) }));
  }
  return first.split(',').flatMap((type) => resourcesNamed(resources, type).map((resource) => ({ resource })));
}

function single(resources: readonly Resource[], type: string): Resource {
  const [resource, ...others] = resourcesNamed(resources, type);
  if (resource === undefined || others.length > 0)
    throw new UsageError(`${JSON.stringify(type)} stands for several types, so names cannot follow it`);
  return resource;
}
