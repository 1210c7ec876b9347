import { Command, InvalidArgumentError, Option } from 'commander';
import type { SimCommand } from '../../drivers/sim/control-client.ts';
import { DEFAULT_DATA_DIR } from './data-dir.ts';

interface Place {
  readonly dataDir: string;
  readonly stateDir?: string;
}

interface FaultOptions extends Place {
  readonly hang?: boolean;
  readonly delay?: number;
  readonly error?: string;
  readonly lostAnswer?: boolean;
  readonly die?: boolean;
  readonly endpoint?: string;
  readonly uid?: string;
  readonly count: number;
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** What goes wrong with the calls that are met: exactly one thing. */
function actionOf({ hang, delay, error, lostAnswer, die }: FaultOptions): object {
  const actions = [
    ...(hang === true ? [{ do: 'hang' }] : []),
    ...(delay === undefined ? [] : [{ do: 'delay', ms: delay }]),
    ...(error === undefined ? [] : [{ do: 'error', code: error }]),
    ...(lostAnswer === true ? [{ do: 'lost-answer' }] : []),
    ...(die === true ? [{ do: 'die' }] : []),
  ];
  const [action] = actions;
  if (action === undefined || actions.length > 1)
    throw new InvalidArgumentError('say what goes wrong: one of --hang, --delay, --error, --lost-answer and --die.');
  return action;
}

/** `cloudd sim`: what happens to the simulated data centre that its drivers do not do. */
export function simCommand(stopped: () => AbortSignal): Command {
  const dataDir = new Option('--data-dir <dir>', 'the data folder of the cloudd that runs it').default(DEFAULT_DATA_DIR);
  const stateDir = new Option('--state-dir <dir>', "or the state folder of the driver's own");
  const command = new Command('sim').description(
    'Changes the simulated data centre behind the back of everybody: faults, power, foreign things.',
  );
  const add = (name: string, description: string): Command =>
    command.command(name).description(description).addOption(dataDir).addOption(stateDir);
  const tell = async (place: Place, what: SimCommand): Promise<void> => (await import('./sim.ts')).sim(place, what, stopped());

  add('fault', 'Lets calls go wrong, until they are healed or so many were met.')
    .argument('<call>', 'machine.start, machine.* or *')
    .option('--hang', 'they never answer')
    .addOption(new Option('--delay <ms>', 'they answer so much later').argParser(whole))
    .option('--error <code>', 'they fail: UNAVAILABLE, RESOURCE_EXHAUSTED, ...')
    .option('--lost-answer', 'they have their effect, and no answer')
    .option('--die', 'the process of the driver ends')
    .option('--endpoint <uid>', 'only calls on this host or pool')
    .option('--uid <uid>', 'only calls about this machine or disk')
    .addOption(new Option('--count <n>', 'so many calls; 0: all').argParser(whole).default(1))
    .action(async (call: string, options: FaultOptions) => {
      const { endpoint, uid, count } = options;
      const where = { ...(endpoint !== undefined && { endpoint }), ...(uid !== undefined && { uid }) };
      await tell(options, { do: 'fault', call, ...where, count, action: actionOf(options) } as SimCommand);
    });
  add('faults', 'Lists the faults that are set, as JSON.').action((place: Place) => tell(place, { do: 'faults' }));
  add('heal', 'Takes all faults back.').action((place: Place) => tell(place, { do: 'clear' }));
  add('power', 'Switches a host, or takes its power away for a moment.')
    .argument('<what>', 'on, off or loss')
    .argument('<host>', 'the uid of the Host')
    .action(async (what: string, host: string, place: Place) => {
      if (what !== 'on' && what !== 'off' && what !== 'loss') throw new InvalidArgumentError('say on, off or loss.');
      await tell(place, { do: `power-${what}`, host });
    });
  add('plant', 'Makes a machine or a disk that nobody asked for.')
    .argument('<what>', 'machine or disk')
    .argument('<endpoint>', 'the uid of the Host or StoragePool')
    .argument('<id>', 'its id')
    .action(async (what: string, endpoint: string, id: string, place: Place) => {
      if (what !== 'machine' && what !== 'disk') throw new InvalidArgumentError('say machine or disk.');
      await tell(place, what === 'machine' ? { do: 'plant', what, host: endpoint, id } : { do: 'plant', what, pool: endpoint, id });
    });
  add('world', 'Prints what there is, as JSON.').action((place: Place) => tell(place, { do: 'world' }));
  return command;
}
