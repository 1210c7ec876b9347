/** The part of dependency-cruiser's report that this check reads. */
export interface CruisedModule {
  readonly source: string;
  readonly dependencies: readonly {
    readonly resolved: string;
    readonly dynamic: boolean;
    readonly dependencyTypes: readonly string[];
  }[];
}

interface Lightness {
  /** The program or role, by its file. */
  readonly entry: RegExp;
  /** What must not load with it. */
  readonly heavy: RegExp;
  readonly says: string;
}

/** What a program may load only on demand; dependency-cruiser's rules see edges, and this needs whole paths of static ones. */
const LIGHTNESS: readonly Lightness[] = [
  {
    entry: /^cmd\/[^/]+\/main\.ts$/,
    heavy: /(^|\/)node_modules\/(@kubernetes\/client-node|etcd3|express|@grpc\/grpc-js)\//,
    says: 'heavy packages are loaded on demand',
  },
  {
    entry: /^cmd\/cloudd\/main\.ts$/,
    heavy: /^(server|controllers|drivers\/(?!contract\/))/,
    says: 'each role of cloudd is loaded on demand',
  },
  {
    entry: /^server\/store\/(?!etcd)[^/]+\.ts$/,
    heavy: /(^|\/)node_modules\/etcd3\//,
    says: 'etcd3 is loaded where the store is etcd only',
  },
];

/** The static path from `entry` to the first module that `heavy` names, or nothing. */
function pathTo(entry: string, heavy: RegExp, edges: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[entry, undefined]]);
  for (const module of cameFrom.keys()) {
    if (module !== entry && heavy.test(module)) {
      const path: string[] = [];
      for (let at: string | undefined = module; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
      return path;
    }
    for (const next of edges.get(module) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, module);
  }
  return undefined;
}

/** What loads too early, one sentence a line, with the chain of imports that loads it. */
export function loadedTooEarly(modules: readonly CruisedModule[]): readonly string[] {
  const loads = ({ dependencies }: CruisedModule) =>
    dependencies.filter(({ dynamic, dependencyTypes }) => !dynamic && !dependencyTypes.includes('type-only'));
  const edges = new Map(modules.map((module) => [module.source, loads(module).map(({ resolved }) => resolved)]));
  return LIGHTNESS.flatMap(({ entry, heavy, says }) =>
    modules
      .filter(({ source }) => entry.test(source) && !source.endsWith('.test.ts'))
      .flatMap(({ source }) => {
        const path = pathTo(source, heavy, edges);
        return path === undefined ? [] : [`${says}: ${path.join(' -> ')}`];
      }),
  );
}
