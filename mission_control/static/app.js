// The few things that HTML and htmx don't do: copying, quiet polling, saying what went wrong, keeping the focus.
"use strict";

document.documentElement.classList.add("js");

const COPIED_MILLISECONDS = 2000;
const FAILED_LOOKS_TOLD = 3;

function say(words) {
  document.getElementById("announcement").textContent = words;
}

function showProblem(words) {
  document.getElementById("problem-text").textContent = words;
  document.getElementById("problem").hidden = words === "";
}

async function copyText(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Without the clipboard's permission the text is at least selected, for the keyboard's own copy.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", (event) => {
  if (event.target.id === "problem-close") showProblem("");
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const worked = await copyText(document.getElementById(button.dataset.copy));
  const word = button.querySelector(".copy-word");
  word.textContent = worked ? "Copied" : "Selected";
  button.classList.toggle("copied", worked);
  say(worked ? "Copied" : "Selected: press Ctrl C to copy");
  clearTimeout(button.timer);
  button.timer = setTimeout(() => {
    word.textContent = "Copy";
    button.classList.remove("copied");
    say("");
  }, COPIED_MILLISECONDS);
});

// A page in the background doesn't look every second.
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.target.matches("[data-poll]")) event.preventDefault();
});

// One look that fails is nothing; several in a row are worth a word, which goes when one works again.
let failedLooks = 0;
function lookFailed() {
  failedLooks += 1;
  if (failedLooks >= FAILED_LOOKS_TOLD) {
    showProblem("The console has no news: what this page shows may be out of date. It goes on asking.");
  }
}

document.addEventListener("htmx:response:error", (event) => {
  const { ctx } = event.detail;
  if (ctx.sourceElement.matches("[data-poll]")) {
    lookFailed();
    return;
  }
  const id = ctx.response.headers.get("X-Request-Id");
  showProblem(`${ctx.text} (request ${id})`);
});

document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx?.sourceElement?.matches("[data-poll]")) lookFailed();
  else showProblem("The console doesn't answer. Check your connection and try again.");
});

// What the browser kept of a page may be of somebody who has signed out since.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// Reveal and Hide replace the very button that was pressed: the focus goes to its successor.
let pressed = null;
document.addEventListener("htmx:before:swap", () => {
  pressed = document.activeElement?.id?.endsWith("-toggle") ? document.activeElement.id : null;
});
document.addEventListener("htmx:after:swap", () => {
  showProblem("");
  failedLooks = 0;
  if (pressed) document.getElementById(pressed)?.focus();
  pressed = null;
});
