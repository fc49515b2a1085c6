// A line of a return. Its key is the sender's own, so a line that is sent twice meets itself.
table 50101 "BH Return Request Line"
{
    Caption = 'Return Request Line';
    DataClassification = CustomerContent;

    fields
    {
        field(1; "Source System"; Code[20]) { }
        field(2; "External Id"; Code[50]) { }
        field(3; "External Line Id"; Code[50]) { NotBlank = true; }
        field(4; "Request SystemId"; Guid) { }
        field(5; "Sort No."; Integer) { }
        field(6; Type; Enum "BH Return Line Type") { }
        field(7; "No."; Code[20]) { }
        field(8; "Variant Code"; Code[10]) { }
        field(9; Description; Text[100]) { }
        field(10; Quantity; Decimal) { DecimalPlaces = 0 : 5; }
        field(11; "Unit of Measure Code"; Code[10]) { }
        field(12; "Unit Price"; Decimal) { DecimalPlaces = 2 : 5; }
        field(13; "Line Discount Amount"; Decimal) { }
        field(14; "Return Reason Code"; Code[10]) { TableRelation = "Return Reason"; }
        field(15; "Location Code"; Code[10]) { TableRelation = Location; }
        field(16; "Bin Code"; Code[20]) { }
        field(17; "VAT Prod. Posting Group"; Code[20]) { TableRelation = "VAT Product Posting Group"; }
        // Number of the posted invoice, of its order, or the external document number of either.
        field(18; "Original Document No."; Code[35]) { }
        field(19; "Appl.-from Item Entry"; Integer) { }
        field(20; "VAT %"; Decimal) { Editable = false; }
        field(21; Amount; Decimal) { Editable = false; }
        field(22; "Amount Including VAT"; Decimal) { Editable = false; }
    }

    keys
    {
        key(PK; "Source System", "External Id", "External Line Id") { Clustered = true; }
        key(Sort; "Source System", "External Id", "Sort No.") { }
        key(Request; "Request SystemId") { }
    }

    trigger OnInsert()
    var
        ReturnRequest: Record "BH Return Request";
        ReturnRequestLine: Record "BH Return Request Line";
    begin
        ReturnRequest.Get("Source System", "External Id");
        ReturnRequest.TestField(Status, ReturnRequest.Status::New);
        "Request SystemId" := ReturnRequest.SystemId;
        ReturnRequestLine.SetCurrentKey("Source System", "External Id", "Sort No.");
        ReturnRequestLine.SetRange("Source System", "Source System");
        ReturnRequestLine.SetRange("External Id", "External Id");
        if ReturnRequestLine.FindLast() then;
        "Sort No." := ReturnRequestLine."Sort No." + 10000;
    end;
}
