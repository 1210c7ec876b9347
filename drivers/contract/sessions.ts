import type { ConfigBag, Driver, DriverInfo, EndpointRef } from './driver.ts';
import type { Fence } from './fence.ts';

/** An endpoint that is open: calls on `driver` with this session id reach it. */
export interface OpenSession {
  readonly id: string;
  readonly driver: Driver;
  readonly info: DriverInfo;
  readonly capabilities: readonly string[];
  /**
   * Whether the driver's beats (`BEAT_MS`) are heard now and say that the host of this session answers. That this ends is told by a hint, so until
   * then nobody needs to look whether the host answers.
   */
  beats(): boolean;
}

/** Something changed on an endpoint; look for yourself. An empty `uid` means everything on it; an empty `endpointUid` everything everywhere. */
export interface DeviceHint {
  readonly endpointUid: string;
  readonly uid: string;
}

/** The drivers that this process can reach, and the sessions on them. */
export interface Sessions {
  /**
   * The endpoint's session, opened when it is not (again, after the driver's process changed or the configuration did).
   * Rejects with DriverError: INVALID_ARGUMENT/DRIVER_UNKNOWN, INVALID_ARGUMENT/CONFIG_INVALID, UNAVAILABLE while the driver is down.
   */
  open(driver: string, endpoint: EndpointRef, config: ConfigBag, fence: Fence, signal: AbortSignal): Promise<OpenSession>;
  /** Forgets an endpoint that is gone; never touches what it manages. */
  close(endpointUid: string, signal: AbortSignal): Promise<void>;
  /** Hints of all drivers. Starts with one for everything; a driver's restart is one too. */
  hints(signal: AbortSignal): AsyncIterable<DeviceHint>;
}
