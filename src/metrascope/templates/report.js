(function () {
  var root = document.documentElement;
  function sync() {
    var chosen = document.querySelector("input[name=lang]:checked");
    root.lang = chosen.value;
    document.title = chosen.getAttribute("data-title");
  }
  document.querySelectorAll("input[name=lang]").forEach(function (input) {
    input.addEventListener("change", sync);
  });
  document.querySelectorAll("[data-open]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      document.querySelectorAll("#cases details").forEach(function (group) {
        group.open = button.getAttribute("data-open") === "yes";
      });
    });
  });
  sync();
})();
