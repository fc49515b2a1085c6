enum 50100 "BH Return Request Status"
{
    Extensible = false;

    value(0; New) { }
    value(1; Ordered) { }
    value(2; Received) { }
    value(3; Invoiced) { }
    value(4; Failed) { }
}
