
/** A name with letters that components cannot have, of a type whose schemas differ. */
export interface Gr__e__T_ {
  inner: Gr__e__T_ | null;
}

/** A name with letters that components cannot have, of a type whose schemas differ. */
export interface Gr__e__T_Input {
  inner?: Gr__e__T_Input | null;
}

/** A message of a room. */
export interface Message {
  /** The name of its author. */
  author: string;
  mood: Mood;
  /** Without it, the message answers none. */
  replyTo?: number | null;
  text: string;
}

/** A message of a room. */
export interface MessageInput {
  /** The name of its author. */
  author: string;
  mood?: Mood;
  /** Without it, the message answers none. */
  replyTo?: number | null;
  text: string;
}

/** The mood of a message. */
export type Mood = "neutral" | "in_good_spirits";

/** A mood as clients write it in a query. */
export type Mood2 = "neutral";

/** A value that is itself or a number. */
export type Nested = number;

/** The name of this type is one that TypeScript has a meaning for. */
export interface Response2 {
  ok: boolean;
}

/** A keyword of TypeScript. */
export interface enumData {
  by_number: { [key: string]: string };
  [key: string]: number | { [key: string]: string };
}

/** The events of `app.rooms.listen`. */
export type AppRoomsListenEvent =
  /** Somebody has written. */
  | { event: "message"; data: Message; id: string }
  /** Somebody has come. */
  | { event: "joined"; data: {
      color: unknown;
      invitedBy?: string | null;
      /** Her name. */
      userName: string;
    }; id: string }
  /** A line of the log. */
  | { event: "log"; data: string; id: string }
  | { event: "closed"; data: undefined; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string }
  /** The client may have missed events before this one. */
  | { event: "gap"; data: {
      /** The id that the client came with. */
      from: string;
      reason: "malformed" | "foreign" | "future" | "trimmed" | "forked" | "lagged" | "interrupted";
      /** The id at which the stream continues. */
      resumed_at: string;
      /** On a stream of several topics: the one with the gap. */
      topic?: string;
    }; id: string };

/** The events of `app.rooms.silent`. */
export type AppRoomsSilentEvent =
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string };

/** The events of `app.numbers`. */
export type AppNumbersEvent =
  /** A generic event. */
  | { event: "changed"; data: {
      new: number;
      old: number | null;
    }; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string }
  /** The stream is over. */
  | { event: "done"; data: undefined; id: string };

/** The events of `app.calls`. */
export type AppCallsEvent =
  /** Somebody has written. */
  | { event: "message"; data: Message; id: string }
  /** Somebody has come. */
  | { event: "joined"; data: {
      color: unknown;
      invitedBy?: string | null;
      /** Her name. */
      userName: string;
    }; id: string }
  /** A line of the log. */
  | { event: "log"; data: string; id: string }
  | { event: "closed"; data: undefined; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string };

/** The events of `app.anything`. */
export type AppAnythingEvent = { event: string; data: string; id: string };

/** The events of `app.ask`. */
export type AppAskEvent =
  /** Somebody has written. */
  | { event: "message"; data: Message; id: string }
  /** Somebody has come. */
  | { event: "joined"; data: {
      color: unknown;
      invitedBy?: string | null;
      /** Her name. */
      userName: string;
    }; id: string }
  /** A line of the log. */
  | { event: "log"; data: string; id: string }
  | { event: "closed"; data: undefined; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string }
  /** The client may have missed events before this one. */
  | { event: "gap"; data: {
      /** The id that the client came with. */
      from: string;
      reason: "malformed" | "foreign" | "future" | "trimmed" | "forked" | "lagged" | "interrupted";
      /** The id at which the stream continues. */
      resumed_at: string;
      /** On a stream of several topics: the one with the gap. */
      topic?: string;
    }; id: string }
  /** The run has ended. */
  | { event: "done"; data: Record<string, unknown>; id: string }
  /** The run has failed. */
  | { event: "failed"; data: {
      limit?: "max_bytes" | "max_run" | "retention";
      status: number;
      title: string;
    }; id: string }
  /** The run was stopped. */
  | { event: "cancelled"; data: {
      reason: "stopped" | "left" | "shutdown";
    }; id: string }
  /** The process of the run has died. */
  | { event: "lost"; data: Record<string, unknown>; id: string };

/** The events of `app.watch`. */
export type AppWatchEvent =
  /** Somebody has written. */
  | { event: "message"; data: Message; id: string }
  /** Somebody has come. */
  | { event: "joined"; data: {
      color: unknown;
      invitedBy?: string | null;
      /** Her name. */
      userName: string;
    }; id: string }
  /** A line of the log. */
  | { event: "log"; data: string; id: string }
  | { event: "closed"; data: undefined; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string }
  /** The client may have missed events before this one. */
  | { event: "gap"; data: {
      /** The id that the client came with. */
      from: string;
      reason: "malformed" | "foreign" | "future" | "trimmed" | "forked" | "lagged" | "interrupted";
      /** The id at which the stream continues. */
      resumed_at: string;
      /** On a stream of several topics: the one with the gap. */
      topic?: string;
    }; id: string }
  /** The run has ended. */
  | { event: "done"; data: Record<string, unknown>; id: string }
  /** The run has failed. */
  | { event: "failed"; data: {
      limit?: "max_bytes" | "max_run" | "retention";
      status: number;
      title: string;
    }; id: string }
  /** The run was stopped. */
  | { event: "cancelled"; data: {
      reason: "stopped" | "left" | "shutdown";
    }; id: string }
  /** The process of the run has died. */
  | { event: "lost"; data: Record<string, unknown>; id: string };

/** The events of `awkward.sayAll2`. */
export type AwkwardSayAll2Event =
  | { event: "__proto__"; data: {
      ["__proto__"]: number;
    }; id: string }
  | { event: "constructor"; data: Nested; id: string }
  | { event: "flattened"; data: {
      text: string;
    }; id: string }
  | { event: "\"quoted\" */ </script>  "; data: undefined; id: string }
  /** The stream has failed, and is over. */
  | { event: "error"; data: {
      status: number;
      title: string;
    }; id: string };

// The routes of the app.

const appRoomsListenRoute: Route = { method: "GET", path: "/rooms/{room}", query: ["mood","tag"], events: { message: "json", joined: "json", log: "text", closed: "empty", error: "json", gap: "json" }, resumes: true };
const appRoomsSayRoute: Route = { method: "POST", path: "/rooms/{room}", body: "json", answer: "json" };
const appRoomsSilentRoute: Route = { method: "GET", path: "/rooms/silent", events: { error: "json" } };
const appListRoute: Route = { method: "GET", path: "/rooms", query: ["descending","page"], answer: "json" };
const appNumbersRoute: Route = { method: "GET", path: "/numbers", events: { changed: "json", error: "json", done: "empty" }, last: ["done"] };
const appCallsRoute: Route = { method: "GET", path: "/calls", events: { message: "json", joined: "json", log: "text", closed: "empty", error: "json" } };
const appAnythingRoute: Route = { method: "GET", path: "/anything" };
const appAskRoute: Route = { method: "POST", path: "/answers/{id}", body: "text", events: { message: "json", joined: "json", log: "text", closed: "empty", error: "json", gap: "json", done: "json", failed: "json", cancelled: "json", lost: "json" }, last: ["cancelled","done","failed","lost"], resumes: true };
const appWatchRoute: Route = { method: "GET", path: "/answers/{id}", events: { message: "json", joined: "json", log: "text", closed: "empty", error: "json", gap: "json", done: "json", failed: "json", cancelled: "json", lost: "json" }, last: ["cancelled","done","failed","lost"], resumes: true };
const appStopRoute: Route = { method: "POST", path: "/answers/{id}/stop" };
const appPageRoute: Route = { method: "GET", path: "/pages/{*rest}", answer: "text" };
const appUploadRoute: Route = { method: "PUT", path: "/pages/{*rest}", body: "bytes", answer: "json" };
const appRemoveRoute: Route = { method: "DELETE", path: "/pages/{*rest}", answer: "none" };
const appOldRoute: Route = { method: "GET", path: "/old", answer: "none" };
const appOpaqueRoute: Route = { method: "GET", path: "/opaque" };
const appPage2Route: Route = { method: "GET", path: "/users/{user}/pages/{*rest}", answer: "text" };
const awkwardTypeRoute: Route = { method: "POST", path: "/awkward/{body}/{type}", body: "json", bodyName: "body2", answer: "json" };
const awkwardSayAllRoute: Route = { method: "PUT", path: "/awkward/letters", body: "json", answer: "json" };
const awkwardSayAll2Route: Route = { method: "GET", path: "/awkward/events", events: { ["__proto__"]: "json", constructor: "json", flattened: "json", "\"quoted\" */ </script>  ": "empty", error: "json" } as const };
const awkwardAModule2Route: Route = { method: "DELETE", path: "/awkward/module", answer: "none" };
const awkwardAModuleDeleteRoute: Route = { method: "GET", path: "/awkward/module", answer: "none" };

/** The functions of the app's routes. */
export function createApi(options: ClientOptions = {}) {
  const client = new Client(options);
  return {
    app: {
      /** Lists rooms. */
      list(params: { descending?: boolean; page: number }, options?: CallOptions): Promise<string[]> {
        return client.call<string[]>(appListRoute, params, options);
      },
      /** Counts. */
      numbers(options?: StreamOptions<AppNumbersEvent>): EventStream<AppNumbersEvent> {
        return client.stream<AppNumbersEvent>(appNumbersRoute, {}, options);
      },
      /** Counts when called. */
      calls(options?: StreamOptions<AppCallsEvent>): EventStream<AppCallsEvent> {
        return client.stream<AppCallsEvent>(appCallsRoute, {}, options);
      },
      /** Events of any kind. */
      anything(options?: StreamOptions<AppAnythingEvent>): EventStream<AppAnythingEvent> {
        return client.stream<AppAnythingEvent>(appAnythingRoute, {}, options);
      },
      /** Answers a question, with or without viewers. */
      ask(params: { id: number; body: string }, options?: StreamOptions<AppAskEvent>): EventStream<AppAskEvent> {
        return client.stream<AppAskEvent>(appAskRoute, params, options);
      },
      /** The run of `ask`: starts it, follows it and stops it. */
      askRun(params: { id: number; body: string }): Run<AppAskEvent> {
        return client.run<AppAskEvent>({ start: appAskRoute, follow: appWatchRoute, stop: appStopRoute }, params);
      },
      /** Watches an answer. */
      watch(params: { id: number }, options?: StreamOptions<AppWatchEvent>): EventStream<AppWatchEvent> {
        return client.stream<AppWatchEvent>(appWatchRoute, params, options);
      },
      /** Stops an answer. */
      stop(params: { id: number }, options?: CallOptions): Promise<Response> {
        return client.call<Response>(appStopRoute, params, options);
      },
      /** A page. */
      page(params: { rest: string }, options?: CallOptions): Promise<string> {
        return client.call<string>(appPageRoute, params, options);
      },
      upload(params: { rest: string; body: BodyInit }, options?: CallOptions): Promise<Response2> {
        return client.call<Response2>(appUploadRoute, params, options);
      },
      remove(params: { rest: string }, options?: CallOptions): Promise<void> {
        return client.call<void>(appRemoveRoute, params, options);
      },
      /**
       * A page that has moved.
       *
       * @deprecated
       */
      old(options?: CallOptions): Promise<void> {
        return client.call<void>(appOldRoute, {}, options);
      },
      /** An answer whose type has no name. */
      opaque(options?: CallOptions): Promise<Response> {
        return client.call<Response>(appOpaqueRoute, {}, options);
      },
      /** A page. */
      page2(params: { rest: string; user: string }, options?: CallOptions): Promise<string> {
        return client.call<string>(appPage2Route, params, options);
      },
      rooms: {
        /**
         * Follows a room.
         *
         * The stream begins with the *next* message, or after the client's last one.
         */
        listen(params: { room: string; mood?: Mood2; tag?: string[] }, options?: StreamOptions<AppRoomsListenEvent>): EventStream<AppRoomsListenEvent> {
          return client.stream<AppRoomsListenEvent>(appRoomsListenRoute, params, options);
        },
        /** Publishes a message in a room. */
        say(params: { room: string; body: MessageInput }, options?: CallOptions): Promise<Message> {
          return client.call<Message>(appRoomsSayRoute, params, options);
        },
        /** A stream without events. */
        silent(options?: StreamOptions<AppRoomsSilentEvent>): EventStream<AppRoomsSilentEvent> {
          return client.stream<AppRoomsSilentEvent>(appRoomsSilentRoute, {}, options);
        },
      },
    },
    awkward: {
      /**
       * The end of a comment: * /
       *
       * `</script>`
       */
      type(params: { body: number; type: number; body2: enumData }, options?: CallOptions): Promise<enumData> {
        return client.call<enumData>(awkwardTypeRoute, params, options);
      },
      sayAll(params: { body: Gr__e__T_Input }, options?: CallOptions): Promise<Gr__e__T_> {
        return client.call<Gr__e__T_>(awkwardSayAllRoute, params, options);
      },
      sayAll2(options?: StreamOptions<AwkwardSayAll2Event>): EventStream<AwkwardSayAll2Event> {
        return client.stream<AwkwardSayAll2Event>(awkwardSayAll2Route, {}, options);
      },
      /** The name of a module beside it, in the client. */
      aModule2(options?: CallOptions): Promise<void> {
        return client.call<void>(awkwardAModule2Route, {}, options);
      },
      aModule: {
        delete(options?: CallOptions): Promise<void> {
          return client.call<void>(awkwardAModuleDeleteRoute, {}, options);
        },
      },
    },
  };
}

/** The functions of the app's routes, for the server that the page is from. */
export const api = createApi();
