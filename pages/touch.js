// A finger on a chart: Plotly takes a tap for a click on what the mouse was over last, which of a finger it learns only
// from the tap itself, so that each tap would choose what the one before it had touched. So it is told beforehand.
addEventListener("touchstart", (touch) => {
  const chart = touch.target.closest(".nsewdrag");
  if (chart && touch.touches.length === 1) {
    const { clientX, clientY } = touch.touches[0];
    chart.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY, bubbles: true }));
  }
}, { capture: true, passive: true });
