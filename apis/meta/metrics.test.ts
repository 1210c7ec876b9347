import { createHistogram, metricsText } from './metrics.ts';

test('metrics are text that Prometheus reads: escaped, one line a value, histograms cumulative', () => {
  const histogram = createHistogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  const text = metricsText([
    { name: 'up', help: 'Whether\nit is up.', type: 'gauge', samples: [{ value: 1 }] },
    { name: 'calls_total', help: 'Calls.', type: 'counter', samples: [{ labels: { host: 'a"b\\c\nd', op: 'get' }, value: 3 }] },
    { name: 'took_seconds', help: 'Time.', type: 'histogram', samples: [{ labels: { kind: 'Zone' }, value: histogram.read() }] },
    { name: 'nothing', help: 'None.', type: 'gauge', samples: [] },
  ]);
  expect(text.split('\n')).toEqual([
    '# HELP up Whether\\nit is up.',
    '# TYPE up gauge',
    'up 1',
    '# HELP calls_total Calls.',
    '# TYPE calls_total counter',
    'calls_total{host="a\\"b\\\\c\\nd",op="get"} 3',
    '# HELP took_seconds Time.',
    '# TYPE took_seconds histogram',
    'took_seconds_bucket{kind="Zone",le="0.1"} 2',
    'took_seconds_bucket{kind="Zone",le="1"} 3',
    'took_seconds_bucket{kind="Zone",le="+Inf"} 4',
    'took_seconds_sum{kind="Zone"} 7.65',
    'took_seconds_count{kind="Zone"} 4',
    '',
  ]);
  expect(metricsText([])).toBe('');
});
