// What span of time every pane shows, and how wheel, fingers and keys change it.

class View {
  constructor(begin, end, shortest) {
    this.begin = begin;
    this.end = end;
    this.shortest = Math.min(shortest, end - begin);
    this.from = begin;
    this.to = end;
    this.hover = null;
    this.marked = null;
    this.panes = [];
    this.listeners = [];
  }

  get span() { return this.to - this.from; }

  show(from, to) {
    const span = Math.min(this.end - this.begin, Math.max(this.shortest, to - from));
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(this.begin, middle - span / 2), this.end - span);
    this.to = this.from + span;
    this.redraw();
  }

  showAll() { this.marked = null; this.show(this.begin, this.end); }

  zoom(factor, share = 0.5) {
    const still = this.from + this.span * share;
    const span = Math.max(this.shortest, this.span * factor);
    this.show(still - span * share, still + span * (1 - share));
  }

  pan(share) { this.show(this.from + this.span * share, this.to + this.span * share); }

  mark(from, to) {
    this.marked = [from, to];
    const around = Math.max((to - from) * 0.25, this.shortest);
    this.show(from - around, to + around);
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const pane of this.panes) pane.draw();
      for (const listener of this.listeners) listener();
    });
  }

  listen(canvas, plotWidth) {
    const share = (event) => (event.clientX - canvas.getBoundingClientRect().left) / plotWidth();
    const fingers = new Map();
    canvas.addEventListener("wheel", (event) => {
      // Scrolling the page is more common than zooming: with Ctrl, or sideways, it is meant for the chart.
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) { event.preventDefault(); this.pan(event.deltaX / plotWidth()); return; }
      if (!event.ctrlKey && !event.shiftKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const turn = event.deltaY || event.deltaX;
      this.zoom(Math.exp(Math.max(-1, Math.min(1, turn / 300))), share(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, event.clientX);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (before !== undefined) {
        const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
        if (others.length) {
          const now = Math.abs(event.clientX - others[0]), then = Math.abs(before - others[0]);
          if (now > 8 && then > 8) this.zoom(then / now, share(event));
        } else {
          this.pan((before - event.clientX) / plotWidth());
        }
        fingers.set(event.pointerId, event.clientX);
      }
      const place = share(event);
      this.hover = place >= 0 && place <= 1 ? { at: this.from + this.span * place, y: event.offsetY, canvas } : null;
      this.redraw();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => fingers.delete(event.pointerId));
    }
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.redraw(); });
    canvas.addEventListener("dblclick", (event) => this.zoom(0.25, share(event)));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    const moves = {
      ArrowLeft: () => this.pan(-0.15), ArrowRight: () => this.pan(0.15),
      PageUp: () => this.pan(-0.9), PageDown: () => this.pan(0.9),
      ArrowUp: () => this.zoom(0.7), ArrowDown: () => this.zoom(1 / 0.7),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      0: () => this.showAll(), Escape: () => { this.marked = null; this.redraw(); },
      Home: () => this.show(this.begin, this.begin + this.span), End: () => this.show(this.end - this.span, this.end),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }
}
