// Shows what is there by now, every 30 seconds, unless somebody is in the middle of something.
"use strict";
setInterval(async () => {
  const old = document.querySelector("[data-live]");
  const busy = document.hidden || !old || old.contains(document.activeElement) || !getSelection().isCollapsed;
  if (busy) return;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-live]");
    if (next) old.replaceWith(next);
  } catch {
    // The control plane is away for a moment; the page says of when it is.
  }
}, 30000);
