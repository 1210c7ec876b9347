import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** One unary call of the contract, between its arguments in TypeScript and its bytes on the wire. */
export interface WireCall<A extends readonly unknown[], R> {
  /** The HTTP/2 path of the method. */
  readonly path: string;
  /** Whether it may change the world, so that a lost answer means "unknown". */
  readonly mutating: boolean;
  encodeRequest(args: A): Uint8Array;
  /** Throws INVALID_ARGUMENT for bytes that say nothing sensible. */
  decodeRequest(bytes: Uint8Array): A;
  encodeResponse(result: R): Uint8Array;
  decodeResponse(bytes: Uint8Array): R;
}

/** Every method of a service of the contract, as it travels. */
export type WireCalls<S> = {
  readonly [K in keyof S]: S[K] extends (...args: [...infer A, AbortSignal]) => Promise<infer R> ? WireCall<A, R> : never;
};

/** How one call's arguments and result become messages and come back. */
interface Translation<I extends DescMessage, O extends DescMessage, A extends readonly unknown[], R> {
  readonly mutating: boolean;
  request(...args: A): MessageInitShape<I>;
  args(message: MessageShape<I>): A;
  response(result: R): MessageInitShape<O>;
  result(message: MessageShape<O>): R;
}

/** Where a method is served: `/package.Service/Method`. */
export function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** A call, from the method's generated description and the translation of its messages. */
export function unary<I extends DescMessage, O extends DescMessage, A extends readonly unknown[], R>(
  method: DescMethodUnary<I, O>,
  translation: Translation<I, O, A, R>,
): WireCall<A, R> {
  return {
    path: pathOf(method),
    mutating: translation.mutating,
    encodeRequest: (args) => toBinary(method.input, create(method.input, translation.request(...args))),
    decodeRequest: (bytes) => translation.args(fromBinary(method.input, bytes)),
    encodeResponse: (result) => toBinary(method.output, create(method.output, translation.response(result))),
    decodeResponse: (bytes) => translation.result(fromBinary(method.output, bytes)),
  };
}
