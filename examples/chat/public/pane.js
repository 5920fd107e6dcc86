// One half of the page: a client, its connection's state, the room's messages and a line to speak.

const states = {
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Connection lost, reconnecting…",
  refused: "Refused by the application",
  left: "Not connected",
};

export class Pane {
  #connect;
  #options;
  #client;
  #state = "left";
  #lostAt;
  #seen = new Set();
  #name = "";
  #stateText;
  #present;
  #join;
  #log;
  #isAtEnd = true;
  #speak;

  /**
   * @param {HTMLElement} parent
   * @param {{ id: string, title: string, name: string, room: string, onPeople: Function, onChange: Function }} options
   * @param {Function} connect one of clients.js: (url, room, via, events)
   */
  constructor(parent, options, connect) {
    this.#options = options;
    this.#connect = connect;
    const { id, title, name, room } = options;
    const root = document.getElementById("pane").content.cloneNode(true).querySelector(".pane");
    root.dataset.client = id;
    const heading = root.querySelector("h2");
    heading.textContent = title;
    heading.id = `${id}-title`;
    root.setAttribute("aria-labelledby", heading.id);
    this.#stateText = root.querySelector(".state");
    this.#present = root.querySelector(".present");
    this.#log = root.querySelector(".log");
    this.#log.setAttribute("aria-label", `Messages in ${room}`);
    this.#followTheEnd();
    this.#join = root.querySelector(".join");
    this.#join.elements.name.value = name;
    this.#speak = root.querySelector(".speak");
    this.#join.addEventListener("submit", (event) => this.#onJoin(event));
    this.#speak.addEventListener("submit", (event) => this.#onSpeak(event));
    parent.append(root);
    this.#show("left");
  }

  get isConnected() {
    return this.#state === "connected";
  }

  join() {
    const { room, title, onPeople } = this.#options;
    this.#name = this.#join.elements.name.value.trim();
    const port = document.querySelector("meta[name=cable-port]").content;
    const url = `ws://${location.hostname}:${port}/cable?${new URLSearchParams({ name: this.#name })}`;
    const client = {};
    this.#client = client;
    // Whatever a client says after it was left is of no interest.
    const ifCurrent = (listen) => (value) => void (this.#client === client && listen(value));
    Object.assign(
      client,
      this.#connect(url, room, title, {
        onState: ifCurrent((state) => this.#enter(state)),
        onMessage: ifCurrent((message) => this.#hear(message)),
        onPeople: ifCurrent(onPeople),
        onPresent: ifCurrent((names) => this.#showPresent(names)),
        onMissed: ifCurrent(() => this.#note("What was said meanwhile is not kept any more")),
      }),
    );
  }

  #leave() {
    const client = this.#client;
    this.#client = undefined;
    client.leave();
    this.#enter("left");
  }

  #onJoin(event) {
    event.preventDefault();
    const isOut = this.#state === "left" || this.#state === "refused";
    if (isOut) this.join();
    else this.#leave();
  }

  #onSpeak(event) {
    event.preventDefault();
    const { text } = this.#speak.elements;
    if (!this.isConnected || text.value.trim() === "") return;
    const spoken = text.value;
    this.#client.speak(spoken).catch((error) => {
      this.#note(`Not sent: ${error.message}`, "problem");
      text.value ||= spoken;
    });
    text.value = "";
  }

  #enter(state) {
    if (state === this.#state) return;
    if (state === "reconnecting") this.#lostAt = performance.now();
    if (state === "connected" && this.#lostAt !== undefined) {
      const seconds = ((performance.now() - this.#lostAt) / 1000).toFixed(1);
      this.#note(`Reconnected by itself after ${seconds} s`);
      this.#lostAt = undefined;
    } else if (state === "connected") {
      this.#note(`Joined ${this.#options.room} as ${this.#name}`);
    } else if (state === "reconnecting") {
      this.#note("The connection was lost");
    } else if (state === "refused") {
      this.#note("The application refused this connection");
    } else if (state === "left") {
      this.#lostAt = undefined;
      this.#note("Left the room");
    }
    this.#show(state);
    this.#options.onChange();
  }

  #show(state) {
    this.#state = state;
    const isOut = state === "left" || state === "refused";
    this.#stateText.textContent = states[state];
    this.#stateText.closest(".pane").dataset.state = state;
    this.#join.elements.name.readOnly = !isOut;
    this.#join.querySelector("button").textContent = isOut ? "Join" : "Leave";
    this.#speak.querySelector("button").disabled = state !== "connected";
  }

  #showPresent(names) {
    this.#present.textContent = names.length === 0 ? "" : `Present: ${names.toSorted().join(", ")}`;
  }

  /** A newcomer, and so a client that comes back, gets the room's last messages: those that stand here already are skipped. */
  #hear(message) {
    if (message.type === "history") message.messages.forEach((kept) => this.#hear(kept));
    else if (message.type === "problem") this.#note(message.text, "problem");
    else if (message.type === "message" && !this.#seen.has(message.id)) {
      this.#seen.add(message.id);
      this.#append(messageLine(message, message.name === this.#name));
    }
  }

  #note(text, kind = "note") {
    const line = document.createElement("li");
    line.className = kind;
    line.textContent = text;
    this.#append(line);
  }

  #append(line) {
    this.#log.append(line);
    if (this.#isAtEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Who reads the newest line keeps seeing the newest one, also when the window changes its size; who scrolled up is left in peace. */
  #followTheEnd() {
    const log = this.#log;
    log.addEventListener("scroll", () => {
      this.#isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    });
    new ResizeObserver(() => {
      if (this.#isAtEnd) log.scrollTop = log.scrollHeight;
    }).observe(log);
  }
}

function messageLine({ name, text, at }, isOwn) {
  const line = document.createElement("li");
  line.className = isOwn ? "message own" : "message";
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = name;
  const body = document.createElement("p");
  body.textContent = text;
  line.append(who, time, body);
  return line;
}
