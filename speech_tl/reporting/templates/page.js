"use strict";
// The utterance browser. All text goes in as text nodes; nothing is fetched.
(() => {
  const source = document.getElementById("utterance-data");
  if (!source) return;
  const { rows, columns, unit } = JSON.parse(source.textContent);
  const PAGE = 20;
  const list = document.getElementById("utterance-list");
  const count = document.getElementById("utterance-count");
  const more = document.getElementById("utterance-more");
  const search = document.getElementById("utterance-search");
  const sort = document.getElementById("utterance-sort");
  const show = document.getElementById("utterance-show");

  const wrong = (edits) => edits.reduce((sum, [, heard]) => sum + (Array.isArray(heard) ? heard.length : 1), 0);
  const written = (said, edits) => {
    const words = said.map((word) => [word]);
    words.push([]);
    for (const [place, heard] of edits) {
      if (Array.isArray(heard)) words[place].unshift(...heard);
      else words[place][words[place].length - 1] = heard;
    }
    return words.flat().filter((word) => word !== null).join(" ");
  };
  const utterances = rows.map(([id, speaker, values, seconds, text, size, before, after, sound], number) => {
    const said = text ? text.split(" ") : [];
    const pairs = [...before, ...after].map(([place, heard]) =>
      Array.isArray(heard) ? heard.map((word) => `→ ${word}`).join(" ") : `${said[place]} → ${heard ?? ""}`);
    const spoken = unit === "character" ? [text.replaceAll(" ", "").replaceAll("\u2423", " ")] : [];
    const texts = [id, speaker, ...values, text, ...spoken, written(said, before), written(said, after), ...pairs];
    return { number, id, speaker, values, seconds, said, size, before, after, sound,
      wrongBefore: wrong(before), wrongAfter: wrong(after), haystack: `\n${texts.map((line) => ` ${line.trim()} `).join("\n")}\n`.toLocaleLowerCase() };
  });

  // "a → b" is a whole confusion, "a" in quotes a whole word, anything else a part of any text.
  const needle = (typed) => {
    const wanted = typed.trim().toLocaleLowerCase();
    if (wanted.includes("→")) return `\n ${wanted} \n`;
    return /^".+"$/.test(wanted) ? ` ${wanted.slice(1, -1)} ` : wanted;
  };

  const orders = {
    improved: (a, b) => (a.wrongAfter - a.wrongBefore) - (b.wrongAfter - b.wrongBefore),
    worsened: (a, b) => (b.wrongAfter - b.wrongBefore) - (a.wrongAfter - a.wrongBefore),
    after: (a, b) => b.wrongAfter - a.wrongAfter,
    before: (a, b) => b.wrongBefore - a.wrongBefore,
    longest: (a, b) => (b.seconds ?? 0) - (a.seconds ?? 0) || b.size - a.size,
    speaker: (a, b) => a.speaker.localeCompare(b.speaker, undefined, { numeric: true }),
    order: () => 0,
  };
  const kinds = {
    all: () => true,
    better: (one) => one.wrongAfter < one.wrongBefore,
    worse: (one) => one.wrongAfter > one.wrongBefore,
    wrong: (one) => one.wrongAfter > 0,
    right: (one) => one.wrongAfter === 0,
    sound: (one) => one.sound !== null,
  };

  const make = (tag, css, ...content) => {
    const element = document.createElement(tag);
    if (css) element.className = css;
    element.append(...content);
    return element;
  };

  // One column for each word that was said or added: said, before, after, one below the other.
  const columnsOf = (one) => {
    const sides = [one.before, one.after].map((edits) => {
      const side = { changed: new Map(), added: new Map() };
      for (const [place, heard] of edits) (Array.isArray(heard) ? side.added : side.changed).set(place, heard);
      return side;
    });
    const found = [];
    for (let place = 0; place <= one.said.length; place++) {
      const added = sides.map((side) => side.added.get(place) ?? []);
      for (let extra = 0; extra < Math.max(added[0].length, added[1].length); extra++)
        found.push([null, ...added.map((words) => (extra < words.length ? ["ins", words[extra]] : null))]);
      if (place < one.said.length)
        found.push([one.said[place], ...sides.map((side) => {
          if (!side.changed.has(place)) return ["ok", one.said[place]];
          const heard = side.changed.get(place);
          return heard === null ? ["del", one.said[place]] : ["sub", heard];
        })]);
    }
    return found;
  };
  const MARKS = { ok: "span", sub: "mark", del: "del", ins: "ins" };
  const cell = (side) => (side === null ? make("span", "none", "\u00a0") : make(MARKS[side[0]], side[0], side[1]));
  const aligned = (one) => {
    const box = make("div", "flow");
    for (const [said, before, after] of columnsOf(one))
      box.append(make("span", "column", make("b", "", said ?? "\u00a0"), cell(before), cell(after)));
    if (!one.said.length) box.append(make("span", "soft", "(nothing was said)"));
    const names = make("span", "column names", make("b", "", "said"), make("span", "", "before"), make("span", "", "after"));
    const whole = make("div", "aligned", names, box);
    box.dir = "auto";
    return whole;
  };

  let playing = null;
  const stop = () => {
    if (!playing) return;
    playing.audio.pause();
    playing.button.textContent = "▶ play";
    playing = null;
  };
  const player = (one) => {
    const button = make("button", "play", "▶ play");
    button.type = "button";
    button.setAttribute("aria-label", `play ${one.id}`);
    button.addEventListener("click", () => {
      const again = playing && playing.button === button;
      stop();
      if (again) return;
      const audio = new Audio(one.sound);
      const mine = { audio, button };
      playing = mine;
      button.textContent = "■ stop";
      const failed = () => { if (playing === mine) { stop(); button.textContent = "no sound"; button.disabled = true; } };
      audio.addEventListener("timeupdate", () => { button.dataset.played = audio.currentTime; });
      audio.addEventListener("ended", () => { if (playing === mine) stop(); });
      audio.addEventListener("pause", () => { if (playing === mine) stop(); }); // the end of a segment of a longer file
      audio.addEventListener("error", failed);
      audio.play().catch((error) => { if (error.name !== "AbortError") failed(); });
    });
    return button;
  };

  const article = (one) => {
    const change = one.wrongAfter - one.wrongBefore;
    const side = change < 0 ? "better" : change > 0 ? "worse" : "same";
    const facts = [one.speaker && `speaker ${one.speaker}`,
      ...one.values.map((value, at) => value && `${columns[at]} ${value}`), one.seconds !== null && `${one.seconds} s`];
    const head = make("header", "", make("span", `badge ${side}`, side === "same" ? "same" : side),
      make("b", "", `${one.wrongBefore} → ${one.wrongAfter}`),
      make("span", "soft", ` errors in ${one.size} ${unit}${one.size === 1 ? "" : "s"}`));
    if (one.sound) head.append(player(one));
    return make("article", "", head, aligned(one),
      make("footer", "soft", [one.id, ...facts.filter(Boolean)].join(" · ")));
  };

  let found = [];
  let shown = 0;
  const grow = () => {
    const next = found.slice(shown, shown + PAGE);
    list.append(...next.map(article));
    shown += next.length;
    more.hidden = shown >= found.length;
    more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
  };
  const update = () => {
    stop();
    const wanted = needle(search.value);
    found = utterances.filter((one) => kinds[show.value](one) && one.haystack.includes(wanted));
    found.sort((a, b) => orders[sort.value](a, b) || a.number - b.number);
    list.replaceChildren();
    shown = 0;
    grow();
    count.textContent = found.length ? `${found.length} of ${utterances.length} utterances` : "No utterance fits.";
  };

  let waiting = 0;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 120); });
  for (const control of [sort, show]) control.addEventListener("change", update);
  more.addEventListener("click", grow);
  for (const button of document.querySelectorAll("button[data-find]"))
    button.addEventListener("click", () => {
      search.value = button.dataset.find;
      show.value = "all";
      update();
      document.getElementById("utterances").scrollIntoView();
    });
  addEventListener("beforeprint", () => { for (const box of document.querySelectorAll("details")) box.open = true; });
  update();
})();
