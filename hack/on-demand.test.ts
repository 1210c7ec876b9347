import { loadedTooEarly, type CruisedModule } from './on-demand.ts';

type Edge = readonly [to: string, how?: 'dynamic' | 'type-only'];

const module = (source: string, ...edges: readonly Edge[]): CruisedModule => ({
  source,
  dependencies: edges.map(([resolved, how]) => ({
    resolved,
    dynamic: how === 'dynamic',
    dependencyTypes: how === 'type-only' ? [how] : [],
  })),
});

const express = 'node_modules/express/index.js';

describe('what a program loads', () => {
  test('a heavy package behind two static imports is found, with the chain that loads it', () => {
    const modules = [
      module('cmd/cloudctl/main.ts', ['client/kubeconfig.ts']),
      module('client/kubeconfig.ts', ['node_modules/@kubernetes/client-node/dist/index.js']),
    ];
    expect(loadedTooEarly(modules)).toEqual([
      'heavy packages are loaded on demand: cmd/cloudctl/main.ts -> client/kubeconfig.ts -> node_modules/@kubernetes/client-node/dist/index.js',
    ]);
  });

  test('a role of cloudd that loads with the program is found', () => {
    const modules = [module('cmd/cloudd/main.ts', ['cmd/cloudd/up.ts']), module('cmd/cloudd/up.ts', ['server/verbs/get.ts'])];
    expect(loadedTooEarly(modules)).toEqual([
      expect.stringContaining('each role of cloudd is loaded on demand: cmd/cloudd/main.ts -> cmd/cloudd/up.ts'),
    ]);
  });

  test('an embedded store that brings etcd3 along is found', () => {
    const modules = [
      module('server/store/sqlite.ts', ['server/store/etcd.ts']),
      module('server/store/etcd.ts', ['node_modules/etcd3/lib/index.js']),
    ];
    expect(loadedTooEarly(modules)).toHaveLength(1);
  });

  test.each(['dynamic', 'type-only'] as const)('a %s import loads nothing', (how) => {
    const modules = [module('cmd/cloudd/main.ts', ['server/http/serve.ts', how]), module('server/http/serve.ts', [express])];
    expect(loadedTooEarly(modules)).toEqual([]);
  });

  test('a cycle ends', () => {
    const modules = [module('cmd/cloudd/main.ts', ['cmd/cloudd/words.ts']), module('cmd/cloudd/words.ts', ['cmd/cloudd/main.ts'])];
    expect(loadedTooEarly(modules)).toEqual([]);
  });
});
