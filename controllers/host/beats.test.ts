import { BEAT_MS } from '../../drivers/contract/driver.ts';
import { because, conditionIn, openDeclaredCloud, pause, PATHS } from '../../test/declared-cloud.ts';

const AFTER_SECONDS = 30;
const LOOK_MS = 5000;
/** More than a loaded machine needs for a round. */
const LATE_MS = 5000;

test('a host of a driver that beats is suspected at most a beat later than its zone says, and not because of the beat', async () => {
  const cloud = await openDeclaredCloud({ hosts: 3, power: false, afterSeconds: AFTER_SECONDS });
  try {
    const host = await cloud.runVm('vm-1');
    const beganMs = performance.now();
    cloud.silence(host);
    await cloud.until(PATHS.host(host), 'silent', because('DriverUnreachable'));
    expect(performance.now() - beganMs).toBeLessThan(BEAT_MS + LATE_MS);
    await pause((AFTER_SECONDS - 2) * 1000);
    const { body } = await cloud.bench.ask('GET', PATHS.host(host));
    expect(conditionIn(body)?.reason).toBe('DriverUnreachable');
    await cloud.until(PATHS.host(host), 'suspected', because('Suspect'));
    expect(performance.now() - beganMs).toBeLessThan(BEAT_MS + AFTER_SECONDS * 1000 + LOOK_MS + LATE_MS);
    expect(cloud.runningOn('vm-1')).toEqual([host]);
  } finally {
    await cloud.close();
  }
}, 90_000);
