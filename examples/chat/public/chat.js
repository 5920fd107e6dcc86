import { connectAnyCable, connectRails } from "/clients.js";
import { Pane } from "/pane.js";

const room = new URLSearchParams(location.search).get("room") || "lobby";
const parent = document.getElementById("panes");

const shared = { room, onPeople: showPeople, onChange: forgetPeopleWhenBlind };
const panes = [
  new Pane(parent, { id: "rails", title: "@rails/actioncable", name: "Rita", ...shared }, connectRails),
  new Pane(parent, { id: "anycable", title: "@anycable/web", name: "Anya", ...shared }, connectAnyCable),
];
for (const pane of panes) pane.join();

function showPeople(people) {
  const list = document.getElementById("online");
  list.replaceChildren(
    ...people.map(({ name, via }) => {
      const item = document.createElement("li");
      const package_ = document.createElement("span");
      package_.textContent = via;
      item.append(name, " ", package_);
      item.dataset.via = via;
      return item;
    }),
  );
  document.getElementById("online-count").textContent = String(people.length);
  document.getElementById("online-empty").textContent = "";
}

/** With no connection left, nobody tells this page who comes and goes. */
function forgetPeopleWhenBlind() {
  if (panes.some((pane) => pane.isConnected)) return;
  showPeople([]);
  document.getElementById("online-empty").textContent = "Nobody to be seen: neither pane is connected.";
}

const restart = document.getElementById("restart");
const restartStatus = document.getElementById("restart-status");

async function restartServer() {
  restart.disabled = true;
  restartStatus.textContent = "Restarting…";
  const startedAt = performance.now();
  try {
    const response = await fetch("/restart", { method: "POST" });
    if (!response.ok) throw new Error(await response.text());
    restartStatus.textContent = `Server is back after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  } catch (error) {
    restartStatus.textContent = `It didn’t come back: ${error.message}`;
  } finally {
    restart.disabled = false;
  }
}

restart.addEventListener("click", () => void restartServer());
